// A bounded queue of request slots that can also be entered at its head: vLLM's waiting list.

export interface SlotQueue {
  readonly length: number;
  pushBack(slot: number): void;
  pushFront(slot: number): void;
  /** The head, or -1. */
  peek(): number;
  shift(): number;
  /** False if it was not there. */
  remove(slot: number): boolean;
  /** Head first. */
  toArray(): number[];
}

export function createSlotQueue(capacity: number): SlotQueue {
  const ring = new Int32Array(capacity);
  let head = 0;
  let length = 0;

  const at = (i: number): number => (head + i) % capacity;
  function room(): void {
    if (length === capacity) throw new Error(`waiting list of ${capacity} is full`);
  }

  return {
    get length() {
      return length;
    },
    pushBack(slot) {
      room();
      ring[at(length++)] = slot;
    },
    pushFront(slot) {
      room();
      head = (head + capacity - 1) % capacity;
      ring[head] = slot;
      length++;
    },
    peek: () => (length === 0 ? -1 : ring[head]!),
    shift() {
      if (length === 0) return -1;
      const slot = ring[head]!;
      head = at(1);
      length--;
      return slot;
    },
    remove(slot) {
      let i = 0;
      while (i < length && ring[at(i)] !== slot) i++;
      if (i === length) return false;
      for (; i < length - 1; i++) ring[at(i)] = ring[at(i + 1)]!;
      length--;
      return true;
    },
    toArray: () => Array.from({ length }, (_, i) => ring[at(i)]!),
  };
}
