// One at a time: what waits in the middle of its work, done in the order it was asked for.

export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Each work begins when the one before has ended, well or not. Rejects as the work does. */
export function createTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
