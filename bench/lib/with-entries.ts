// A folder of data sets, or one data set.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** `dir` and what lies in it, by name. Empty where there is no such folder. */
export function withEntries(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  const inside = readdirSync(dir).toSorted();
  return [dir, ...inside.map((name) => join(dir, name))];
}
