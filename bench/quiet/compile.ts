// The group process as plain JavaScript: a loader in the way costs a third of its speed.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Compiles it and all it imports; gives the script to fork. Throws with the compiler's words if it does not compile. */
export function compileGroupProcess(): string {
  const out = join(root, "node_modules", ".cache", "homeostat-quiet");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const config = join(out, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    allowImportingTsExtensions: false,
    rewriteRelativeImportExtensions: true,
    rootDir: root,
    outDir: out,
    typeRoots: [join(root, "node_modules", "@types")],
  };
  const files = [join(root, "bench", "quiet", "group-process.ts")];
  const include: string[] = [];
  writeFileSync(config, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include }));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", config], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`the group process does not compile: ${done.stdout}${done.stderr}`);
  writeFileSync(join(out, "package.json"), JSON.stringify({ type: "module" }));
  return join(out, "bench", "quiet", "group-process.js");
}
