// The one order of names and label sets.

/** By UTF-16 code units, as everything else that hashes or sorts labels. */
export function byText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
