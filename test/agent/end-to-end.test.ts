// From Homeostat's delivery to a process on a host and back; and the agent as the program a user starts, killed in the middle.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { requestOf, undoOf } from "../../src/act/connectors.ts";
import { processOf } from "../../src/agent/executors/running.ts";
import { createDeliver, type Deliver } from "../../src/deliver/deliver.ts";
import type { Action } from "../../src/model/action.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { connectors, proposal } from "../act/bench.ts";
import { type MemoryRecords, memoryRecords } from "../deliver/memory-records.ts";
import { run } from "../support/service.ts";
import { atEnd, type Lab, lab, restart, secret, signed } from "./lab.ts";

const connector = connectors.find(({ id }) => id === "webhook")!;
const message = (changes: Partial<Action> = {}) => requestOf(proposal(changes).action, connector);

function homeostat(url: string, records: MemoryRecords = memoryRecords()): Deliver {
  const receivers = [{ name: connector.receiver, url, secret }];
  const options = { receivers, allow: ["127.0.0.0/8"], backoff: { firstMs: 1, maxMs: 2 } };
  const deliver = createDeliver(options, { records, telemetry: silentTelemetry, now: () => Date.now() });
  atEnd(() => deliver[Symbol.asyncDispose]());
  return deliver;
}

test("Homeostat asks, the agent restarts a real process once, however often it is asked, and tells the result", async () => {
  const host = await lab();
  const up = host.path("up");
  const text = `require("node:fs").appendFileSync(${JSON.stringify(up)}, process.pid + "\\n"); setInterval(() => {}, 1000);`;
  const program = host.put("engine.js", text);
  const old = spawn(process.execPath, [program], { stdio: "ignore" });
  atEnd(() => old.kill("SIGKILL"));
  host.put("engine.pid", String(old.pid));
  const start = [process.execPath, program];
  const step = { use: "process", pidFile: host.path("engine.pid"), match: program, start, settle: "300ms" };
  const agent = await host.start([{ ...restart, do: [step] }]);
  atEnd(() => {
    const pid = Number(readFileSync(host.path("engine.pid"), "utf8"));
    if (processOf(pid)?.commandLine.includes(program) === true) process.kill(pid, "SIGKILL");
  });

  expect(await homeostat(agent.url).send(message())).toMatchObject({ kind: "delivered", status: 202, attempts: 1 });
  const { id } = message();
  expect(await agent.result(id)).toMatchObject({
    outcome: "succeeded",
    idempotencyKey: proposal().action.idempotencyKey,
  });
  expect(old.signalCode).toBe("SIGTERM");
  // Another Homeostat, or this one after it lost its outbox: the same message, and then the same repair under another id.
  expect(await homeostat(agent.url).send(message())).toMatchObject({ kind: "delivered", status: 200 });
  expect(await homeostat(agent.url).send(message({ id: "again" }))).toMatchObject({ kind: "delivered", status: 200 });
  await agent.result("action-again");
  const running = Number(readFileSync(host.path("engine.pid"), "utf8"));
  await vi.waitFor(() => expect(readFileSync(up, "utf8").trim().split("\n").at(-1)).toBe(String(running)));
  expect(readFileSync(up, "utf8").trim().split("\n").length).toBeLessThanOrEqual(2);
  expect(processOf(running)).toBeDefined();
});

test("what the agent refuses is final for Homeostat's delivery, and its reason is told", async () => {
  const host = await lab();
  const program = host.put("x.sh", "#!/bin/sh\n", 0o755);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }]);
  const other = message({ target: "replica:vllm-9" });
  expect(await homeostat(agent.url).send(other)).toMatchObject({
    kind: "failed",
    attempts: 1,
    reason: expect.stringContaining("403"),
  });
  expect(await agent.result(other.id)).toMatchObject({
    outcome: "refused",
    says: expect.stringContaining("not allowed"),
  });
});

test("every message that the connector sends is one that the agent reads", async () => {
  const host = await lab();
  const program = host.put("x.sh", "#!/bin/sh\n", 0o755);
  const shed = { action: "shed-load", parameters: { share: ["0.1"], seconds: { min: 1, max: 600 } } };
  const agent = await host.start([{ ...shed, target: restart.target, do: [{ use: "script", program }] }]);
  const action = proposal({ kind: "shed-load", parameters: { share: "0.1", seconds: "60" } }).action;
  const asked = requestOf(action, connector);
  expect(await homeostat(agent.url).send(asked)).toMatchObject({ kind: "delivered", status: 202 });
  await agent.result(asked.id);
  // Read, understood, and refused: a script cannot be taken back.
  const undo = undoOf(action, connector)!;
  expect(await homeostat(agent.url).send(undo)).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining("403"),
  });
  expect(await agent.result(undo.id)).toMatchObject({ says: expect.stringContaining("cannot be taken back") });
});

function startedAgent(host: Lab, rules: readonly object[]) {
  const agent = run(["agent", "--config", host.write(rules)]);
  atEnd(() => agent.child.kill("SIGKILL"));
  return agent;
}

test("killed in the middle of a step, the agent does not run it again, and says so; stopped, it ends the step", async () => {
  const host = await lab();
  const gate = host.path("gate");
  const runs = host.path("runs");
  const waits = `#!/bin/sh\necho run >> ${runs}\nwhile [ ! -e ${gate} ]; do sleep 0.05; done\n`;
  const rules = [{ ...restart, do: [{ use: "script", program: host.put("wait.sh", waits, 0o755) }] }];
  const send = async (port: string, id: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}/actions`, { method: "POST", ...signed(restart, { id }) })).status;
  const count = (): number => (existsSync(runs) ? readFileSync(runs, "utf8").trim().split("\n").length : 0);

  const first = startedAgent(host, rules);
  const [, port = ""] = await first.line(/listens on [\d.]+:(\d+) and acts/);
  await first.line(/restart-replica on replica:vllm-0: run .*wait.sh/);
  expect(await send(port, "begun")).toBe(202);
  await vi.waitFor(() => expect(count()).toBe(1), { timeout: 20_000 });
  expect(await send(port, "waits")).toBe(202);
  first.child.kill("SIGKILL");
  await first.exit;
  writeFileSync(gate, "");
  const second = startedAgent(host, rules);
  const [, port2 = ""] = await second.line(/listens on [\d.]+:(\d+)/);
  await vi.waitFor(
    () => expect(new Set(host.told.map(({ request }) => request))).toEqual(new Set(["begun", "waits"])),
    {
      timeout: 30_000,
    },
  );
  expect(host.told.find(({ request }) => request === "begun")).toMatchObject({ outcome: "failed" });
  expect(host.told.find(({ request }) => request === "waits")).toMatchObject({ outcome: "succeeded" });
  expect(await send(port2, "begun")).toBe(200);
  expect(count()).toBe(2);
  expect(await send(port2, "last")).toBe(202);
  second.child.kill("SIGTERM");
  expect(await second.exit).toBe(0);
});
