// The pages that say what becomes of good and bad input: every row names a test, and every test named is there.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Files of one name may lie in several folders. */
const tests = new Map<string, string[]>();
for (const file of readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })) {
  if (!/^(receive|deliver\/|security\/|act\/).*\.test\.ts$/.test(file)) continue;
  const name = basename(file, ".test.ts");
  tests.set(name, [...(tests.get(name) ?? []), ...literalsOf(readFileSync(join(root, "test", file), "utf8"))]);
}
const rows = ["docs/otlp-conformance.md", "docs/bad-input.md"].flatMap((page) =>
  readFileSync(join(root, page), "utf8")
    .split("\n")
    .filter((line) => /^\| (?!---)/.test(line) && !line.endsWith("| Shown by |"))
    .map((line) => ({ page, cells: line.split("|").slice(1, -1) })),
);

/** Double-quoted texts: titles of tests, and of the cases of a table. */
function literalsOf(code: string): string[] {
  return [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map((match) => match[1]!);
}

/** What a cell names: `file` "part of a title", "another"; `file` … */
function namedIn(cell: string): { readonly file: string; readonly titles: readonly string[] }[] {
  return [...cell.matchAll(/`([a-z-]+)`((?: "[^"]+",?)*)/g)].map((match) => ({
    file: match[1]!,
    titles: [...match[2]!.matchAll(/"([^"]+)"/g)].map((title) => title[1]!),
  }));
}

describe("the pages on input", () => {
  it("have their rows", () => {
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each(rows.map(({ page, cells }) => [page, cells[0]!.trim(), cells.at(-1)!] as const))(
    "%s: %s",
    (_page, _what, shownBy) => {
      const named = namedIn(shownBy);
      expect(named).not.toEqual([]);
      for (const { file, titles } of named) {
        expect(titles, `${file} is named without a title`).not.toEqual([]);
        for (const title of titles) {
          const found = tests.get(file)?.some((literal) => literal.includes(title));
          expect(found, `no test of ${file} says "${title}"`).toBe(true);
        }
      }
    },
  );

  it("name a counter for every kind of bad input, or say why there is none", () => {
    const counters = rows.filter(({ page }) => page.endsWith("bad-input.md")).map(({ cells }) => cells[2]!.trim());
    expect(counters.filter((cell) => !/^`(dropped|repaired|redacted)|^none: |^that of /.test(cell))).toEqual([]);
  });

  it("name only reasons the code counts", () => {
    const source = readdirSync(join(root, "src/receive"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(root, "src/receive", file), "utf8"))
      .join("\n");
    const reasons = rows
      .filter(({ page }) => page.endsWith("bad-input.md"))
      .flatMap(({ cells }) => [...cells[2]!.matchAll(/`([a-z0-9_-]+)`/g)].map((match) => match[1]!));
    // Two words joined in the code: `body-${kind}`.
    const known = (reason: string): boolean =>
      source.includes(reason) || source.includes(`"${reason.replace(/^body-/, "")}"`);
    expect(reasons.filter((reason) => !known(reason))).toEqual([]);
  });
});
