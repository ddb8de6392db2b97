// What is due when: a heap of callbacks on virtual time.

export interface Timeline {
  /** Infinity when nothing is due. */
  readonly nextAt: number;
  add(atMs: number, run: (atMs: number) => void): void;
  /** Runs the earliest; of equals, the one added first. */
  runNext(): void;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: (atMs: number) => void;
}

export function createTimeline(): Timeline {
  const heap: Entry[] = [];
  let order = 0;

  const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

  function swap(i: number, j: number): void {
    const entry = heap[i]!;
    heap[i] = heap[j]!;
    heap[j] = entry;
  }

  return {
    get nextAt() {
      return heap[0]?.at ?? Number.POSITIVE_INFINITY;
    },
    add(at, run) {
      heap.push({ at, order: order++, run });
      for (let i = heap.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1;
        if (!before(heap[i]!, heap[parent]!)) return;
        swap(i, parent);
        i = parent;
      }
    },
    runNext() {
      const first = heap[0];
      if (first === undefined) return;
      const last = heap.pop()!;
      if (heap.length > 0) heap[0] = last;
      for (let i = 0; ; ) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
        }
        if (least === i) break;
        swap(i, least);
        i = least;
      }
      first.run(first.at);
    },
  };
}
