// Waiting that can be stopped: for a time, or for one of a few places.

/** Longest a Node timer can run; longer waits are cut and looked at again by the caller. */
const timerMsMax = 2 ** 31 - 1;

/** True after `ms`; false at once when `signal` aborts. */
export function wait(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const stop = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener("abort", stop);
        resolve(true);
      },
      Math.min(ms, timerMsMax),
    );
    signal.addEventListener("abort", stop, { once: true });
  });
}

export interface Slots {
  /** A place, as the function that gives it back; undefined when `signal` aborts first. First come, first served. */
  take(signal: AbortSignal): Promise<(() => void) | undefined>;
}

/** The queue of waiters is as long as there are messages on their way, which the caller bounds. */
export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    free++;
    waiting.shift()?.();
  };
  return {
    async take(signal) {
      while (free === 0) {
        if (signal.aborted) return undefined;
        await new Promise<void>((resolve) => {
          const stop = (): void => {
            const at = waiting.indexOf(go);
            if (at >= 0) waiting.splice(at, 1);
            resolve();
          };
          const go = (): void => {
            signal.removeEventListener("abort", stop);
            resolve();
          };
          waiting.push(go);
          signal.addEventListener("abort", stop, { once: true });
        });
      }
      if (signal.aborted) return undefined;
      free--;
      return release;
    },
  };
}
