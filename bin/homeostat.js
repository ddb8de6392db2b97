#!/usr/bin/env node
// Entry point. On a checkout that is not set up yet it sets itself up first, so that `node bin/homeostat.js` just works.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (!existsSync(join(root, "dist", "app", "main.js")) && existsSync(join(root, "scripts", "setup.mjs"))) {
  const done = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], { stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
// Who reads only the first lines (`| head`) has seen enough: no failure.
process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1));
const { main } = await import("../dist/app/main.js");
process.exitCode = await main(process.argv.slice(2));
