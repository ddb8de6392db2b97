// What is signed and allowed runs once and is answered; the same again is not run again, before or after a restart.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import https from "node:https";
import { expect, test, vi } from "vitest";
import { countingScript, found, lab, otherSecret, restart, secret, signed } from "./lab.ts";

const linesOf = (file: string): readonly string[] =>
  existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];

test("a signed request is taken, run, and its result told with a signature the reference library accepts", async () => {
  const host = await lab();
  const program = host.put("say.sh", '#!/bin/sh\necho "hello $1"\nenv\n', 0o755);
  const step = { use: "script", program, args: ["there"], env: { TOKEN: "hidden-value" } };
  const agent = await host.start([{ ...restart, do: [step] }]);
  expect(await agent.send({ ...restart, why: "it hangs" }, { id: "action-1" })).toMatchObject({ status: 202 });
  const told = await agent.result("action-1");
  expect(told).toMatchObject({ outcome: "succeeded", idempotencyKey: "action-1", undo: [], agent: "host-1" });
  expect(told.steps).toMatchObject([{ use: "script", exitCode: 0 }]);
  // An environment of its own, and no secret of it in what is told.
  const { output = [] } = told.steps[0]!;
  expect(output[0]).toBe("hello there");
  expect(output.filter((line) => !/^(hello|PWD|_|SHLVL|OLDPWD)/.test(line))).toEqual(["TOKEN=***"]);
  expect(readFileSync(host.path("state", "audit.jsonl"), "utf8")).not.toContain("hidden-value");
});

test("a message delivered twice runs once, and the second is answered with the result of the first", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }]);
  const about = { id: "action-a", timestamp: new Date() };
  await Promise.all([agent.send(restart, about), agent.send(restart, about)]);
  await agent.result("action-a");
  const again = await agent.send(restart, about);
  expect(again).toMatchObject({ status: 200, body: { state: "ended", result: { outcome: "succeeded" } } });
  expect(linesOf(runs)).toHaveLength(1);
});

test("one idempotency key runs once under any id, and each id is told the same result", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }]);
  const data = { ...restart, idempotencyKey: "repair-7-1" };
  for (const id of ["action-a", "action-b"]) expect([200, 202]).toContain((await agent.send(data, { id })).status);
  const results = [await agent.result("action-a"), await agent.result("action-b")];
  const late = await agent.send(data, { id: "action-c" });
  results.push(await agent.result("action-c"));
  expect(late.status).toBe(200);
  expect(new Set(results.map(({ request: _, ...result }) => JSON.stringify(result))).size).toBe(1);
  expect(linesOf(runs)).toHaveLength(1);
  // Another request under the same key or id is neither run nor taken for the same.
  const other = { ...data, target: "replica:vllm-1" };
  expect((await agent.send(other, { id: "action-d" })).status).toBe(409);
  expect((await agent.send({ ...data, idempotencyKey: "x" }, { id: "action-a" })).status).toBe(409);
});

test("a restart forgets nothing: what was run before is answered, not run", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  const about = { id: "action-a", timestamp: new Date() };
  const first = await host.start(rules);
  await first.send(restart, about);
  await first.result("action-a");
  await first.stop();
  const second = await host.start(rules);
  expect(await second.send(restart, about)).toMatchObject({ status: 200, body: { result: { outcome: "succeeded" } } });
  expect((await second.send({ ...restart, idempotencyKey: "action-a" }, { id: "action-b" })).status).toBe(200);
  expect(linesOf(runs)).toHaveLength(1);
});

test("what an earlier run took is run, what it had begun is not, and both are told", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  await (await host.start(rules)).stop();
  const left = (id: string, state: string, at: number): string =>
    `${JSON.stringify({ id, type: "action.requested", key: id, ...restart, parameters: {}, at, state })}\n`;
  const journal = host.path("state", "journal.jsonl");
  const now = Date.now();
  // A line that was not whole when the power went was never acknowledged.
  writeFileSync(journal, left("begun", "started", now) + left("taken", "accepted", now) + left("old", "accepted", 0));
  appendFileSync(journal, '{"id":"torn","stat');
  const agent = await host.start(rules);
  expect(await agent.result("begun")).toMatchObject({
    outcome: "failed",
    says: expect.stringContaining("not run again"),
  });
  expect(await agent.result("taken")).toMatchObject({ outcome: "succeeded" });
  expect(await agent.result("old")).toMatchObject({ outcome: "refused", says: expect.stringContaining("maxAge") });
  expect(linesOf(runs)).toHaveLength(1);
});

test("a journal somebody changed is not believed: the agent does not start", async () => {
  const host = await lab();
  const { program } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  await (await host.start(rules)).stop();
  writeFileSync(host.path("state", "journal.jsonl"), 'x\n{"id":"a"}\n');
  await expect(host.start(rules)).rejects.toThrow(/journal.jsonl has a line 1 that was not written by the agent/);
});

test("a second agent with the same file does not start while the first runs", async () => {
  const host = await lab();
  const { program } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  const first = await host.start(rules);
  await expect(host.start(rules)).rejects.toThrow(/is in use by process/);
  await first.stop();
  await host.start(rules);
});

test("actions on one target run one after another, in order; another target does not wait for them", async () => {
  const host = await lab();
  const log = host.path("log");
  const gate = host.path("gate");
  const waits = `#!/bin/sh\necho "begin $1" >> ${log}\nwhile [ ! -e ${gate} ]; do sleep 0.05; done\necho "end $1" >> ${log}\n`;
  const program = host.put("wait.sh", waits, 0o755);
  const args = [{ parameter: "n" }];
  const rule = { ...restart, parameters: { n: ["1", "2"] }, do: [{ use: "script", program, args }] };
  const quick = host.put("quick.sh", `#!/bin/sh\necho other >> ${log}\n`, 0o755);
  const other = { ...restart, target: "replica:vllm-1", do: [{ use: "script", program: quick }] };
  const agent = await host.start([rule, other]);
  for (const n of ["1", "2"]) await agent.send({ ...restart, parameters: { n } }, { id: `action-${n}` });
  await vi.waitFor(() => expect(linesOf(log)).toEqual(["begin 1"]));
  await agent.send({ ...restart, target: "replica:vllm-1" }, { id: "other" });
  await agent.result("other");
  writeFileSync(gate, "");
  await agent.result("action-2");
  expect(linesOf(log)).toEqual(["begin 1", "other", "end 1", "begin 2", "end 2"]);
});

test("both keys are believed while one is exchanged for the next", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const keys = [{ file: host.path("request.key") }, { file: host.put("next.key", otherSecret) }];
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }], { keys });
  for (const key of [secret, otherSecret]) expect((await agent.send(restart, { secret: key })).status).toBe(202);
  await vi.waitFor(() => expect(linesOf(runs)).toHaveLength(2));
});

test("results wait for a receiver that is not there, and are told after a restart", async () => {
  const host = await lab();
  const { program } = countingScript(host);
  const rules = [{ ...restart, do: [{ use: "script", program }] }];
  // Nobody listens at port 9 here.
  const reply = { url: "http://127.0.0.1:9/", keys: [{ file: host.path("reply.key") }], allow: ["127.0.0.0/8"] };
  const first = await host.start(rules, { reply }, { backoff: { firstMs: 60_000, maxMs: 60_000 } });
  await first.send(restart, { id: "action-a" });
  await vi.waitFor(() => expect(readFileSync(host.path("state", "audit.jsonl"), "utf8")).toContain('"event":"ended"'));
  await first.stop();
  expect(host.told).toEqual([]);
  // The outbox is what was to be told; where to is what the file says now. Its pause is over when the clock says so.
  const outbox = host.path("state", "outbox.jsonl");
  writeFileSync(outbox, readFileSync(outbox, "utf8").replace(/"nextAttemptAt":\d+/g, '"nextAttemptAt":0'));
  const second = await host.start(rules);
  expect(await second.result("action-a")).toMatchObject({ outcome: "succeeded" });
});

test("health tells mode and state to anybody, and nothing else", async () => {
  const host = await lab();
  const { program } = countingScript(host);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }]);
  const health = async () => (await fetch(agent.url.replace("/actions", "/health"))).json();
  expect(await health()).toEqual({ agent: "host-1", mode: "act", state: "ready", targetsBusy: 0 });
  host.put("stop", "");
  expect(await health()).toMatchObject({ state: "stopped" });
});

test.skipIf(found("openssl") === undefined)(
  "requests can come over TLS, and over nothing else then (needs openssl)",
  async () => {
    const host = await lab();
    const { program } = countingScript(host);
    const tls = { cert: host.path("tls.crt"), key: host.path("tls.key") };
    const how = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", [...how, ...name, "-keyout", tls.key, "-out", tls.cert], { stdio: "ignore" });
    const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }], { listen: { port: 0, tls } });
    const { body, headers } = signed(restart, { id: "action-1" });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const about = { method: "POST", headers, agent: false, ca: readFileSync(tls.cert), servername: "localhost" };
      const request = https.request(`https://127.0.0.1:${agent.port}/actions`, about);
      request.on("response", (response) => resolve(response.resume().statusCode)).on("error", reject);
      request.end(body);
    });
    expect(status).toBe(202);
    expect(await agent.result("action-1")).toMatchObject({ outcome: "succeeded" });
    await expect(agent.send(restart)).rejects.toThrow();
  },
);
