// Requests promised lately, so that a resend is recognised.

export interface RequestKeys {
  add(key: string, at: number): void;
  has(key: string, now: number): boolean;
  /** Those still inside the window, oldest first. */
  live(now: number): readonly (readonly [string, number])[];
}

/** Remembers each key for `windowMs`, and at most `limit` keys, the newest. */
export function createRequestKeys(windowMs: number, limit: number): RequestKeys {
  // A Map keeps the order of insertion, and keys are added in the order of time.
  const times = new Map<string, number>();
  const forget = (now: number): void => {
    for (const [key, at] of times) {
      if (at + windowMs > now && times.size <= limit) return;
      times.delete(key);
    }
  };
  return {
    add(key, at) {
      times.delete(key);
      times.set(key, at);
      forget(at);
    },
    has(key, now) {
      const at = times.get(key);
      return at !== undefined && at + windowMs > now;
    },
    live(now) {
      forget(now);
      return [...times];
    },
  };
}
