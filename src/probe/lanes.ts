// One probe at a time for each replica: what is started while another runs waits its turn.

export interface Lanes {
  /** Runs `work` once every lane of `keys` is free. */
  enter<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
  /** Resolves once all that was entered has ended. */
  idle(): Promise<void>;
}

export function createLanes(): Lanes {
  const tails = new Map<string, Promise<unknown>>();
  return {
    enter(keys, work) {
      // Every lane is taken in the same instant, so two who want the same two lanes never wait for each other.
      const free = Promise.all(keys.map((key) => tails.get(key)));
      const done = free.then(work);
      const tail = done.then(nothing, nothing);
      for (const key of keys) tails.set(key, tail);
      return done;
    },
    async idle() {
      await Promise.all(tails.values());
    },
  };
}

function nothing(): void {}
