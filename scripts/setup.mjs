// Sets up a checkout once: installs the locked packages and builds dist/. A second run skips what is done.
// Plain JavaScript without dependencies, because it runs before there are any.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeMajor = Number(process.versions.node.split(".")[0]);
if (nodeMajor < 20) fail(`Node ${process.versions.node} is too old: install Node 20 or newer.`);

const stampFile = join(root, "node_modules", ".homeostat-setup");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(process.versions.modules)
  .update(process.platform + process.arch)
  .digest("hex");
if (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== wanted) {
  process.stderr.write(
    "homeostat: installing packages (once, about a minute; the embedded database engine is 540 MB)\n",
  );
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Not `npm ci`: it refuses a lock that lacks another platform's optional binaries, which a partial mirror causes.
  // `install --no-save` takes the locked versions all the same and leaves both files alone.
  const done = spawnSync(
    npm,
    ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (done.status !== 0) fail("npm install failed: see above. Is the npm registry reachable?");
  writeFileSync(stampFile, wanted);
}
const built = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")], { cwd: root, stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);

function fail(message) {
  process.stderr.write(`homeostat: ${message}\n`);
  process.exit(1);
}
