// Time that only goes forward, written as milliseconds since 1970: for windows that must not empty or overflow because
// somebody set the clock.

export const steadyMs = (): number => performance.timeOrigin + performance.now();

/** A steady moment as the clock that is on the wall now would have told it. */
export const onTheWall = (momentMs: number): number => Math.round(momentMs + Date.now() - steadyMs());
