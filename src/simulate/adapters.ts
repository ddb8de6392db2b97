// The LoRA slots of an engine: a batch holds so many adapters, and one that is not loaded must be, while all stand still.

export interface Adapters {
  /** False if the batch holds as many others as it may. */
  fits(adapter: number): boolean;
  /** A request with it enters the batch; true if it had to be loaded. */
  enter(adapter: number): boolean;
  leave(adapter: number): void;
  /** Those of the batch. */
  running(): number[];
}

/** Source of the rules: vLLM's scheduler skips requests whose adapter would be one too many; slots are reused by age. */
export function createAdapters(slots: number, adapters: number): Adapters {
  const counts = new Int32Array(adapters + 1);
  /** Oldest use first. */
  const loaded: number[] = [];
  let distinct = 0;

  return {
    fits: (adapter) => adapter === 0 || counts[adapter]! > 0 || distinct < slots,
    enter(adapter) {
      if (adapter === 0) return false;
      if (counts[adapter] === 0) distinct++;
      counts[adapter] = counts[adapter]! + 1;
      const at = loaded.indexOf(adapter);
      if (at >= 0) loaded.splice(at, 1);
      loaded.push(adapter);
      if (loaded.length > slots) {
        const idle = loaded.findIndex((each) => counts[each] === 0);
        loaded.splice(Math.max(0, idle), 1);
      }
      return at < 0;
    },
    leave(adapter) {
      if (adapter === 0) return;
      counts[adapter] = counts[adapter]! - 1;
      if (counts[adapter] === 0) distinct--;
    },
    running: () => loaded.filter((each) => counts[each]! > 0),
  };
}
