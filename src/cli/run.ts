// Runs a role until somebody ends it: SIGTERM drains, a second one and SIGINT end at once.

interface Stoppable {
  stop(options?: { readonly drain?: boolean }): Promise<void>;
}

const INTERRUPTED = 130;

/** Resolves with the exit code, once a signal has ended `role`. */
export const untilSignal = (role: Stoppable): Promise<number> =>
  new Promise((resolve, reject) => {
    let code = 0;
    let ending = false;
    const end = (drain: boolean): void => {
      const stopped = role.stop({ drain });
      if (ending) return;
      ending = true;
      stopped.then(() => resolve(code), reject);
    };
    process.on('SIGTERM', () => end(!ending));
    process.on('SIGINT', () => {
      code = INTERRUPTED;
      end(false);
    });
  });
