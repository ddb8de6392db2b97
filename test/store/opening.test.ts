// Opening the store while its engine dies underneath it.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openStore } from "../../src/store/store.ts";
import { temporaryFolder, until } from "./support.ts";

it("opens although its engine is killed while the schema is made", async () => {
  const folder = await temporaryFolder();
  const opening = openStore(
    { directory: folder.path, diskFloorBytes: 0, now: Date.now, tenants: ["acme"] },
    silentTelemetry,
  );
  try {
    let first: number | undefined;
    await until("the engine makes the schema", () => {
      first = childrenOf(process.pid).find(() => namesOfTables(folder.path) > 2);
      return first !== undefined;
    });
    process.kill(first!, "SIGKILL");
    await using store = await opening;
    expect(store.info().engineRestarts).toBe(1);
    expect(store.tenants()).toEqual(["default", "acme"]);
    await expect(store.rows("SELECT count() AS n FROM homeostat.otel_traces")).resolves.toHaveLength(1);
  } finally {
    await opening.then((store) => store[Symbol.asyncDispose]()).catch(() => {});
    await folder.remove();
  }
});

it("says so when the directory cannot be made", async () => {
  const folder = await temporaryFolder();
  const file = `${folder.path}/a-file`;
  writeFileSync(file, "");
  const opening = openStore({ directory: `${file}/store`, diskFloorBytes: 0, now: Date.now }, silentTelemetry);
  await expect(opening).rejects.toMatchObject({
    name: "StoreError",
    message: expect.stringContaining(`${file}/store`),
  });
  await folder.remove();
});

function childrenOf(parent: number): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  return lines
    .map((line) => /^\s*(\d+)\s+(\d+)\s.*engine-process/.exec(line))
    .flatMap((match) => (match !== null && Number(match[2]) === parent ? [Number(match[1])] : []));
}

/** Tables there are definitions of so far. */
function namesOfTables(directory: string): number {
  return existsSync(directory)
    ? readdirSync(directory, { recursive: true }).filter((file) => String(file).endsWith(".sql")).length
    : 0;
}
