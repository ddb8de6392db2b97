// What the agent refuses: forged, late, replayed, too large, too slow, not its own, not declared, too often.
import { existsSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { expect, test, vi } from "vitest";
import { atEnd, countingScript, type Lab, lab, otherSecret, type Running, restart, type Sent, signed } from "./lab.ts";

const minutes = (n: number): Date => new Date(Date.now() + n * 60_000);

async function counting(
  more: object = {},
  rule: object = {},
): Promise<{ host: Lab; agent: Running; runs: () => number }> {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }], ...rule }], more);
  const count = (): number => (existsSync(runs) ? readFileSync(runs, "utf8").trimEnd().split("\n").length : 0);
  return { host, agent, runs: count };
}

test.each<[string, Partial<Sent>]>([
  ["signed with another key", { secret: otherSecret }],
  ["signed 6 minutes ago", { at: minutes(-6) }],
  ["signed 6 minutes ahead of our clock", { at: minutes(6) }],
  ["without a signature", { headers: { "webhook-signature": "" } }],
  ["without an id", { headers: { "webhook-id": "" } }],
  ["with another id than the signed one", { headers: { "webhook-id": "action-other" } }],
  ["with a time that is no number", { headers: { "webhook-timestamp": "soon" } }],
  ["with a signature of another version", { headers: { "webhook-signature": "v2,abc" } }],
])("a request %s is not believed, and written down", async (_what, about) => {
  const { host, agent, runs } = await counting();
  expect((await agent.send(restart, { id: "action-1", ...about })).status).toBe(401);
  expect(runs()).toBe(0);
  expect(readFileSync(host.path("state", "audit.jsonl"), "utf8")).toContain('"event":"not-signed"');
});

test("a body that was changed on the way is not believed", async () => {
  const { agent, runs } = await counting();
  const { body, headers } = signed(restart);
  const changed = body.replace("vllm-0", "vllm-1");
  expect((await fetch(agent.url, { method: "POST", headers, body: changed })).status).toBe(401);
  expect(runs()).toBe(0);
});

test.each<[string, number, Partial<Sent>]>([
  ["another content type", 415, { headers: { "content-type": "text/plain" } }],
  ["a form", 415, { headers: { "content-type": "application/x-www-form-urlencoded" } }],
  ["an encoded body", 415, { headers: { "content-encoding": "gzip" } }],
  ["a body over the limit", 413, { body: JSON.stringify({ x: "x".repeat(70_000) }) }],
  ["no JSON", 400, { body: "restart, please" }],
  ["deeply nested JSON", 400, { body: "[".repeat(30_000) }],
  ["an id with a line break in it, encoded", 400, { id: "a%0ab" }],
  ["another type", 400, { type: "incident.opened" }],
])("%s is answered %i", async (_what, status, about) => {
  const { agent, runs } = await counting();
  expect((await agent.send(restart, about)).status).toBe(status);
  expect(runs()).toBe(0);
});

test("another path or method is not served", async () => {
  const { agent } = await counting();
  expect((await fetch(agent.url)).status).toBe(405);
  expect((await fetch(`${agent.url}/x`, { method: "POST", ...signed(restart) })).status).toBe(404);
});

test("a body that turns out too large on the way is cut off, however large it is said to be", async () => {
  const { agent } = await counting();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { ...signed(restart).headers, "transfer-encoding": "chunked" };
    const request = http.request(agent.url, { method: "POST", headers, agent: false });
    request.on("response", (response) => resolve(response.statusCode));
    request.on("error", reject);
    const more = (): void => void (request.destroyed || request.write("x".repeat(20_000), () => setImmediate(more)));
    more();
    atEnd(() => request.destroy());
  });
  expect(status).toBe(413);
});

test.each<[string, number, object]>([
  ["a target that is not its own", 403, { ...restart, target: "replica:vllm-9" }],
  ["an action that is not allowed", 403, { ...restart, action: "set-knob" }],
  ["a target that leads elsewhere", 403, { ...restart, target: "replica:../../etc" }],
  ["an unknown field", 400, { ...restart, command: "rm -rf /" }],
  ["a parameter that is not declared", 403, { ...restart, parameters: { path: "/etc/passwd" } }],
  [
    "a parameter called __proto__",
    400,
    JSON.parse('{"action":"restart-replica","target":"replica:vllm-0","parameters":{"__proto__":"x"}}'),
  ],
  ["a parameter that is no text", 400, { ...restart, parameters: { share: 0.1 } }],
  ["an option for a value", 403, { ...restart, parameters: { change: "--output=/etc/passwd" } }],
  ["a path for a value", 403, { ...restart, parameters: { change: "../../etc/passwd" } }],
  ["a line break after a good value", 403, { ...restart, parameters: { change: "ab\n" } }],
  ["a value that is not in the list", 403, { ...restart, parameters: { share: "0.9" } }],
  ["a value of a list with more behind", 403, { ...restart, parameters: { share: "0.1 " } }],
  ["a number out of bounds", 403, { ...restart, parameters: { seconds: "601" } }],
  ["a number in another notation", 403, { ...restart, parameters: { seconds: "0x10" } }],
  ["a number that is no whole one", 403, { ...restart, parameters: { seconds: "10.5" } }],
  ["no parameter where the script needs one", 403, { ...restart, parameters: {} }],
])("%s is refused with %i", async (_what, status, data) => {
  const parameters = { change: "identifier", share: ["0.1", "0.2"], seconds: { min: 1, max: 600, integer: true } };
  const host = await lab();
  const { program, runs } = countingScript(host);
  const args = [{ parameter: "seconds", prefix: "--for=" }];
  const agent = await host.start([{ ...restart, parameters, do: [{ use: "script", program, args }] }]);
  const whole = { ...data, parameters: withSeconds(data) };
  expect((await agent.send(whole, { id: "action-1" })).status).toBe(status);
  if (status === 403) {
    expect(await agent.result("action-1")).toMatchObject({ outcome: "refused" });
    // And stays refused, whatever is allowed by then.
    expect((await agent.send(whole, { id: "action-1" })).status).toBeGreaterThanOrEqual(403);
  }
  expect(existsSync(runs)).toBe(false);
});

/** The one the script needs, unless the case is about it. */
function withSeconds(data: object): unknown {
  const { parameters } = data as { parameters?: object };
  if (parameters !== undefined && Object.keys(parameters).length === 0) return parameters;
  return {
    seconds: "10",
    ...parameters,
    ...(Object.hasOwn(parameters ?? {}, "__proto__") ? JSON.parse('{"__proto__":"x"}') : {}),
  };
}

test("declared values arrive as one argument each, as they were sent", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const args = ["--seconds", { parameter: "seconds" }, { parameter: "change", prefix: "--change=" }, "$(id); rm *"];
  const parameters = { change: "identifier", seconds: { min: 0, max: 600 } };
  const agent = await host.start([{ ...restart, parameters, do: [{ use: "script", program, args }] }]);
  await agent.send({ ...restart, parameters: { change: "a.b:c-1", seconds: "12.5" } }, { id: "action-1" });
  await agent.result("action-1");
  expect(readFileSync(runs, "utf8")).toBe("<--seconds><12.5><--change=a.b:c-1><$(id); rm *>\n");
});

test("who sends a request slowly is closed on, and others are served meanwhile", async () => {
  const host = await lab();
  const { program } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  const agent = await host.start(rules, {}, { door: { headersMs: 300, requestMs: 600 } });
  const slow = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect(agent.port, "127.0.0.1", () => socket.write(text));
      let said = "";
      socket.on("data", (chunk) => (said += chunk));
      socket.on("error", () => {});
      socket.on("close", () => resolve(said));
    });
  const { headers } = signed(restart);
  const head = Object.entries({ ...headers, "content-length": "500" }).map(([name, value]) => `${name}: ${value}\r\n`);
  const halves = [
    slow("POST /actions HTTP/1.1\r\nhost: x\r\nx-slow: "),
    slow(`POST /actions HTTP/1.1\r\nhost: x\r\n${head.join("")}\r\n{"type":`),
  ];
  expect((await agent.send(restart)).status).toBe(202);
  for (const said of await Promise.all(halves)) expect(said).toMatch(/^HTTP\/1.1 408|^$/);
});

test("the kill switch stops what is asked and what waits, and a refused request is not run when it is gone", async () => {
  const host = await lab();
  const gate = host.path("gate");
  const waits = host.put("wait.sh", `#!/bin/sh\nwhile [ ! -e ${gate} ]; do sleep 0.05; done\n`, 0o755);
  const { program, runs } = countingScript(host);
  const steps = [waits, program].map((path) => ({ use: "script", program: path }));
  const agent = await host.start([{ ...restart, do: steps }]);
  await agent.send(restart, { id: "runs" });
  await agent.send(restart, { id: "waits" });
  const stop = host.put("stop", "");
  const late = await agent.send(restart, { id: "late" });
  expect(late).toMatchObject({ status: 403, body: { says: expect.stringContaining("kill switch") } });
  host.put("gate", "");
  // The step that ran was let end; the next did not begin.
  expect(await agent.result("runs")).toMatchObject({
    outcome: "failed",
    steps: [{ outcome: "succeeded" }, { outcome: "refused" }],
  });
  expect(await agent.result("waits")).toMatchObject({ outcome: "refused" });
  rmSync(stop);
  expect((await agent.send(restart, { id: "late" })).status).toBeGreaterThanOrEqual(403);
  expect(existsSync(runs)).toBe(false);
});

test("whether the kill switch is on cannot be told: it is", async () => {
  const { host, agent, runs } = await counting({ killSwitch: "/dev/null/stop" });
  expect((await agent.send(restart)).status).toBe(403);
  expect([runs(), existsSync(host.path("runs"))]).toEqual([0, false]);
});

test("mode observe runs nothing and says what it would do", async () => {
  const { agent, runs } = await counting({ mode: "observe" });
  const said = await agent.send(restart, { id: "action-1" });
  expect(said).toMatchObject({
    status: 403,
    body: { says: expect.stringMatching(/^mode is observe; would run .*count.sh/) },
  });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "refused" });
  expect(runs()).toBe(0);
});

test.each<[string, object, RegExp]>([
  ["an hour", { perHour: 2, perTargetPerHour: 9, pause: "1ms" }, /limits.perHour is 2/],
  ["an hour and target", { perHour: 9, perTargetPerHour: 2, pause: "1ms" }, /limits.perTargetPerHour is 2/],
  ["a pause", { perHour: 9, perTargetPerHour: 9, pause: "1h" }, /less than 1h ago/],
])("too often in %s is refused, after a restart as well", async (_what, limits, says) => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  const allowed = says.source.includes("1h ago") ? 1 : 2;
  const first = await host.start(rules, { limits });
  for (let i = 0; i < allowed; i++) expect((await first.send(restart, { id: `a-${i}` })).status).toBe(202);
  for (let i = 0; i < allowed; i++) await first.result(`a-${i}`);
  expect((await first.send(restart)).status).toBe(403);
  await first.stop();
  const second = await host.start(rules, { limits });
  expect((await second.send(restart)).body).toMatchObject({ says: expect.stringMatching(says) });
  expect(readFileSync(runs, "utf8").trimEnd().split("\n")).toHaveLength(allowed);
});

test("a request that was first sent long ago is refused though it is signed now", async () => {
  const { agent, runs } = await counting();
  expect((await agent.send(restart, { timestamp: minutes(-11) })).body).toMatchObject({
    says: expect.stringContaining("too old"),
  });
  expect(runs()).toBe(0);
});

test("an escalation is noted: there is nothing to do here", async () => {
  const { agent, runs } = await counting();
  expect((await agent.send({ ...restart, reason: "did not help" }, { type: "action.escalated" })).status).toBe(200);
  expect(runs()).toBe(0);
});

test("what strangers cause does not fill the audit log", async () => {
  const { host, agent } = await counting();
  for (let i = 0; i < 50; i++) await agent.send(restart, { secret: otherSecret });
  const text = await vi.waitFor(() => readFileSync(host.path("state", "audit.jsonl"), "utf8"));
  expect(text.split("\n").filter((line) => line.includes("not-signed")).length).toBeLessThan(25);
});
