// The rules of style a machine can see.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const code = tracked.filter((file) => /\.(ts|tsx|mjs|js|cjs)$/.test(file));
const source = code.filter((file) => file.startsWith("src/"));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

describe("the house is tidy", () => {
  test("no file of code is longer than 300 lines", () => {
    const long = code
      .map((file) => [file, read(file).split("\n").length - 1] as const)
      .filter(([, lines]) => lines > 300);
    expect(long).toEqual([]);
  });

  test("the environment is read in app/config.ts only", () => {
    expect(source.filter((file) => read(file).includes("process.env") && file !== "src/app/config.ts")).toEqual([]);
  });

  test("rooms take time and randomness as arguments", () => {
    const outside = source.filter((file) => !file.startsWith("src/app/"));
    expect(
      outside.filter((file) => /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/.test(withoutComments(read(file)))),
    ).toEqual([]);
  });

  test("no skipped, focused or to-do tests, no unfinished marks", () => {
    const marks = /\b(TODO|FIXME|XXX|not implemented)\b/;
    const tests = code.filter((file) => file.startsWith("test/") && file !== "test/tidy.test.ts");
    expect(tests.filter((file) => /\b(it|test|describe)\.(skip|todo|only)\b/.test(read(file)))).toEqual([]);
    expect(source.filter((file) => marks.test(read(file)))).toEqual([]);
  });

  test("every source file opens with a line that says what it is", () => {
    expect(source.filter((file) => file.endsWith(".ts") && !/^(#!.*\n)?(\/\/|\/\*\*)/.test(read(file)))).toEqual([]);
  });

  test("no `any` in src, and no suppressed checks", () => {
    const anys = /(: any\b|\bas any\b|<any>)/;
    expect(
      source.filter(
        (file) => anys.test(read(file)) || /@ts-(ignore|expect-error|nocheck)|biome-ignore/.test(read(file)),
      ),
    ).toEqual([]);
  });

  test("every rule pack has its tests beside it", () => {
    const packs = readdirSync(join(root, "rules", "packs"));
    const bare = packs.filter(
      (file) => file.endsWith(".rules.yaml") && !packs.includes(file.replace(/\.rules\.yaml$/, ".rules.test.yaml")),
    );
    expect(bare).toEqual([]);
  });

  test("the lock file names no registry", () => {
    expect(read("package-lock.json")).not.toMatch(/"resolved": "http/);
  });

  test("nothing names a path of one machine", () => {
    const text = tracked.filter((file) => !/\.(png|bin|pb|gz)$/.test(file) && file !== "test/tidy.test.ts");
    expect(text.filter((file) => /(^|[^a-zA-Z])\/(work|farm)\//m.test(read(file)))).toEqual([]);
  });
});

describe("the layer rules", () => {
  test.each([
    [
      "a room that imports another room",
      "detect/planted.ts",
      'import { x } from "../store/victim.ts";\nexport const y = x;\n',
      "rooms-share-only-the-model",
    ],
    [
      "an agent that imports what it is wired with",
      "agent/planted.ts",
      'import { x } from "../store/victim.ts";\nexport const y = x;\n',
      "rooms-share-only-the-model",
    ],
    [
      "a model that imports a room",
      "model/planted.ts",
      'import { x } from "../store/victim.ts";\nexport const y = x;\n',
      "model-imports-nothing-of-ours",
    ],
    [
      "a pure tool that does I/O",
      "math/planted.ts",
      'import { readFileSync } from "node:fs";\nexport const y = readFileSync;\n',
      "pure-tools-do-no-io",
    ],
    [
      "a client of the database outside the store",
      "show/planted.ts",
      'import { createClient } from "@clickhouse/client";\nexport const y = createClient;\n',
      "sql-stays-in-the-store",
    ],
    [
      "a stray folder that knows a room",
      "stray/planted.ts",
      'import { x } from "../store/victim.ts";\nexport const y = x;\n',
      "only-app-knows-the-rooms",
    ],
  ])("notice %s", (_what, file, text, rule) => {
    const folder = mkdtempSync(join(tmpdir(), "homeostat-layers-"));
    try {
      for (const name of [".dependency-cruiser.cjs", "tsconfig.json", "package.json"])
        writeFileSync(join(folder, name), read(name));
      symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
      for (const room of ["store", file.split("/")[0]!]) mkdirSync(join(folder, "src", room), { recursive: true });
      writeFileSync(join(folder, "src/store/victim.ts"), "export const x = 1;\n");
      writeFileSync(join(folder, "src", file), text);
      const depcruise = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
      const done = spawnSync(process.execPath, [depcruise, "--config", ".dependency-cruiser.cjs", "src"], {
        cwd: folder,
        encoding: "utf8",
      });
      expect(done.status, done.stdout + done.stderr).not.toBe(0);
      expect(done.stdout).toContain(rule);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}
