// Compiles src/ to dist/ and copies the files tsc leaves behind. Skips when nothing changed since the last build.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = listFiles(join(root, "src")).toSorted();
const hash = createHash("sha256");
for (const file of [...sources, join(root, "tsconfig.json"), join(root, "tsconfig.build.json")]) {
  hash.update(relative(root, file)).update(readFileSync(file));
}
const wanted = hash.digest("hex");
const stampFile = join(root, "dist", ".stamp");
if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) process.exit(0);

process.stderr.write("homeostat: building\n");
rmSync(join(root, "dist"), { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const done = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], {
  cwd: root,
  stdio: "inherit",
});
if (done.status !== 0) {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  process.exit(done.status ?? 1);
}
for (const file of sources) {
  if (file.endsWith(".ts")) continue;
  const target = join(root, "dist", relative(join(root, "src"), file));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(file, target);
}
writeFileSync(stampFile, wanted);

function listFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}
