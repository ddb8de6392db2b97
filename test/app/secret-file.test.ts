// Secrets from files: all of the line, and not its end.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scan } from "../../src/app/commands/scan.ts";
import { secretIn } from "../../src/app/secret-file.ts";
import { temporaryFolder } from "../support/service.ts";

const io = { out: () => {}, err: () => {} };

test("a password keeps its spaces and loses its line break", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "secret");
  for (const end of ["", "\n", "\r\n"]) {
    writeFileSync(file, ` pass word ${end}`);
    expect(secretIn("--password-file", file)).toBe(" pass word ");
  }
  expect(() => secretIn("--password-file", join(folder.path, "none"))).toThrow(
    /^--password-file: .*none cannot be read/,
  );
});

test("mistakes in rules are told before anybody's ClickHouse is asked", async () => {
  using folder = temporaryFolder();
  const rules = join(folder.path, "own.rules.yaml");
  writeFileSync(rules, "groups: [{ name: g, rules: [{ alert: A, expr: 'sum(' }] }]\n");
  const asked = scan.run(["--clickhouse", "http://127.0.0.1:1", "--set", `rules.files=["${rules}"]`], io);
  await expect(asked).rejects.toThrow(/the rules have mistakes, so nothing was scanned/);
});
