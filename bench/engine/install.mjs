// Installs llama.cpp's binding for this machine beside the bench: without install scripts, and without the builds for other GPUs (85 MB, not 1 GB).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const prebuilt = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "mac-arm64-metal",
  "darwin-x64": "mac-x64",
}[`${process.platform}-${process.arch}`];
if (prebuilt === undefined) {
  process.stderr.write(`bench/engine: no build of llama.cpp is known for ${process.platform} on ${process.arch}\n`);
  process.exit(1);
}
const binding = new URL("binding/", import.meta.url);
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", binding), "utf8"));
const version = dependencies["node-llama-cpp"];
const names = [`node-llama-cpp@${version}`, `@node-llama-cpp/${prebuilt}@${version}`];
const flags = ["--ignore-scripts", "--omit=optional", "--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
const { status } = spawnSync("npm", ["install", ...flags, ...names], {
  cwd: fileURLToPath(binding),
  stdio: "inherit",
});
process.exit(status ?? 1);
