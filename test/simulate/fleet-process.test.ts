// The fleet as a forked process: options in, events out, gone with its parent. Needs the compiled code in dist/.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openSink, pointsOf } from "./sink.ts";

const script = fileURLToPath(new URL("../../dist/simulate/fleet-process.js", import.meta.url));

function spawn() {
  return fork(script, [], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
}

const options = {
  fault: "stuck-engine",
  seed: 1,
  startAt: 1_760_000_000_000,
  replayMs: 60_000,
  speed: 1,
  exportIntervalMs: 5000,
  faultAfterMs: 0,
};

test("runs a scenario, reports what happens and ends when its parent lets go", async () => {
  const sink = await openSink();
  const child = spawn();
  const gone = once(child, "exit");
  const types: string[] = [];
  const fault = new Promise<void>((resolve) => {
    child.on("message", (message) => {
      const { type } = message as { type: string };
      types.push(type);
      if (type === "fault") resolve();
    });
  });
  child.send({ ...options, endpoint: sink.url });
  await fault;
  expect(types).toEqual(["started", "replayed", "live", "fault"]);
  expect(pointsOf(sink.received).filter(({ metric }) => metric === "up").length).toBeGreaterThanOrEqual(48);
  child.disconnect();
  expect((await gone)[0]).toBe(0);
  await sink.close();
});

test("ends with code 1 and a reason on options that make no sense", async () => {
  const child = spawn();
  const gone = once(child, "exit");
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.send({ ...options, endpoint: "http://127.0.0.1:1", fault: "gremlins" });
  expect((await gone)[0]).toBe(1);
  expect(said).toContain("gremlins");
});
