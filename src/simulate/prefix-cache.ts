// The part of the KV pool that no request holds: prefixes of finished requests, the least recently used given up first.

export interface PrefixCache {
  /** Tokens of this group's prefix that are there, whole blocks. */
  lookUp(group: number, tokens: number): number;
  /** The prefix is there from now on. */
  keep(group: number, tokens: number): void;
  /** Gives up what does not fit in so many blocks. */
  fit(blocks: number): void;
  /** Forgets everything. */
  clear(): void;
  /** Blocks it takes. */
  readonly blocks: number;
}

/** Blind to: sharing of blocks between running requests, and the order of blocks within a prefix. */
export function createPrefixCache(groups: number, blockSize: number): PrefixCache {
  const held = new Int32Array(groups);
  // A ring of all groups in the order of their last use; `groups` is its head.
  const next = new Int32Array(groups + 1);
  const last = new Int32Array(groups + 1);
  let blocks = 0;
  clear();

  function clear(): void {
    held.fill(0);
    blocks = 0;
    for (let i = 0; i <= groups; i++) {
      next[i] = i === groups ? 0 : i + 1;
      last[i] = i === 0 ? groups : i - 1;
    }
  }

  function touch(group: number): void {
    next[last[group]!] = next[group]!;
    last[next[group]!] = last[group]!;
    const newest = last[groups]!;
    next[newest] = group;
    last[group] = newest;
    next[group] = groups;
    last[groups] = group;
  }

  return {
    get blocks() {
      return blocks;
    },
    lookUp(group, tokens) {
      const found = Math.min(held[group]! * blockSize, Math.floor(tokens / blockSize) * blockSize);
      if (found > 0) touch(group);
      return found;
    },
    keep(group, tokens) {
      const wanted = Math.floor(tokens / blockSize);
      touch(group);
      if (wanted <= held[group]!) return;
      blocks += wanted - held[group]!;
      held[group] = wanted;
    },
    fit(room) {
      while (blocks > room && blocks > 0) {
        const oldest = next[groups]!;
        blocks -= held[oldest]!;
        held[oldest] = 0;
        touch(oldest);
      }
    },
    clear,
  };
}
