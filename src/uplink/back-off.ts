// How long to wait before the server is tried again: doubling, with jitter, for ever. Pure.
// Silence is cheap to probe and ends without notice, so its pauses stay short; a server that turned us away is left alone longer.

export interface BackOffOptions {
  readonly reconnectMinMs: number;
  /** While nothing answers. */
  readonly reconnectSilentMaxMs: number;
  /** After the server said no. */
  readonly reconnectMaxMs: number;
}

/** The pause after `failures` failures in a row (1 for the first). `random` is in [0, 1). */
export const pauseMs = (failures: number, turnedAway: boolean, options: BackOffOptions, random: number): number => {
  const { reconnectMinMs, reconnectSilentMaxMs, reconnectMaxMs } = options;
  const longest = turnedAway ? reconnectMaxMs : reconnectSilentMaxMs;
  const doubled = Math.min(longest, reconnectMinMs * 2 ** Math.min(failures - 1, 30));
  return doubled * (0.5 + random / 2);
};
