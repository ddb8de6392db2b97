// Real processes, by pid file: ended, killed if they must be, started again; another process of that number is left alone.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { processOf } from "../../src/agent/executors/running.ts";
import { atEnd, type Lab, lab, restart } from "./lab.ts";

/** An engine of a kind: says that it is up, and runs until it is ended. */
const engine = `
const { appendFileSync } = require("node:fs");
if (process.argv[3] === "stubborn") process.on("SIGTERM", () => {});
appendFileSync(process.argv[2], process.pid + " " + process.argv.slice(4).join("|") + "\\n");
if (process.argv[3] === "short") process.exit(7);
setInterval(() => {}, 1000);
`;

function started(host: Lab, program: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [program, host.path("up"), ...args], { stdio: "ignore" });
  atEnd(() => child.kill("SIGKILL"));
  return child;
}

async function up(host: Lab, times: number): Promise<readonly string[]> {
  return await vi.waitFor(
    () => {
      const lines = existsSync(host.path("up")) ? readFileSync(host.path("up"), "utf8").trimEnd().split("\n") : [];
      if (lines.length < times) throw new Error("not up yet");
      return lines;
    },
    { timeout: 20_000, interval: 20 },
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function step(host: Lab, program: string, kind: string, more: object = {}): object {
  const start = [process.execPath, program, host.path("up"), kind, "--model", "a b; touch owned $(id)"];
  return { use: "process", pidFile: host.path("engine.pid"), match: program, start, settle: "500ms", ...more };
}

/** What the agent started is ended after the test. */
function endStarted(host: Lab): void {
  atEnd(() => {
    const pid = Number(readFileSync(host.path("engine.pid"), "utf8"));
    if (processOf(pid)?.commandLine.includes("engine.js") === true) process.kill(pid, "SIGKILL");
  });
}

test("a process is ended and started by its declared arguments, with an environment of its own", async () => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  const old = started(host, program, "calm");
  host.put("engine.pid", `${old.pid}\n`);
  await up(host, 1);
  const agent = await host.start([{ ...restart, do: [step(host, program, "calm", { env: { MODEL: "m" } })] }]);
  endStarted(host);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "succeeded",
    says: expect.stringContaining("ended when asked"),
  });
  const pid = Number(readFileSync(host.path("engine.pid"), "utf8"));
  expect([old.signalCode, pid === old.pid, isAlive(pid)]).toEqual(["SIGTERM", false, true]);
  // No shell was in between, and nothing of the agent's environment came along.
  expect((await up(host, 2))[1]).toBe(`${pid} --model|a b; touch owned $(id)`);
  if (process.platform === "linux") expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toBe("MODEL=m\0");
  expect(existsSync(host.path("owned"))).toBe(false);
});

test("one that does not end is killed", async () => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  const old = started(host, program, "stubborn");
  host.put("engine.pid", String(old.pid));
  await up(host, 1);
  const agent = await host.start([{ ...restart, do: [step(host, program, "calm", { grace: "200ms" })] }]);
  endStarted(host);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "succeeded",
    says: expect.stringContaining("was killed"),
  });
  expect(old.signalCode).toBe("SIGKILL");
});

test("a number that was given to another process since is left alone", async () => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  const stranger = started(host, host.put("stranger.js", engine), "calm");
  host.put("engine.pid", String(stranger.pid));
  await up(host, 1);
  const agent = await host.start([{ ...restart, do: [step(host, program, "calm")] }]);
  endStarted(host);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "succeeded",
    says: expect.stringContaining("was not running"),
  });
  expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
});

test.each(["1", "0", "-1", "1; kill 2", "", `${process.pid}`])("a pid file that says %j ends nothing", async (text) => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  host.put("engine.pid", text);
  const agent = await host.start([{ ...restart, do: [step(host, program, "calm", { match: "node" })] }]);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "refused",
    says: expect.stringContaining("no number"),
  });
  expect(existsSync(host.path("up"))).toBe(false);
});

test("a pid file that others can write is not believed", async () => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  const old = started(host, program, "calm");
  await up(host, 1);
  chmodSync(host.put("engine.pid", String(old.pid)), 0o666);
  const agent = await host.start([{ ...restart, do: [step(host, program, "calm")] }]);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "refused",
    says: expect.stringContaining("written by others"),
  });
  expect(old.signalCode).toBeNull();
});

test("what ends again at once did not start, and its exit code is told", async () => {
  const host = await lab();
  const program = host.put("engine.js", engine);
  const agent = await host.start([{ ...restart, do: [step(host, program, "short", { settle: "5s" })] }]);
  await agent.send(restart, { id: "action-1" });
  const told = await agent.result("action-1");
  expect(told).toMatchObject({ outcome: "failed", steps: [{ exitCode: 7 }] });
});

test("a script that takes too long is ended with what it started, and what it says is cut and made one line each", async () => {
  const host = await lab();
  const child = host.path("child.pid");
  const text = `#!/bin/sh\nsleep 1000 &\necho $! > ${child}\nyes 'abc\u0007def' | head -c 3000000\nprintf 'last\\033[31m\\n'\nwait\n`;
  const program = host.put("slow.sh", text, 0o755);
  const env = { PATH: "/usr/bin:/bin" };
  const agent = await host.start([{ ...restart, do: [{ use: "script", program, env, timeout: "1500ms" }] }]);
  await agent.send(restart, { id: "action-1" });
  const told = await agent.result("action-1");
  expect(told).toMatchObject({ outcome: "failed", says: expect.stringContaining("took longer than 1s500ms") });
  const { output = [] } = told.steps[0]!;
  expect(output.length).toBeLessThanOrEqual(11);
  expect([output[0], output.at(-1)]).toEqual(["abc def", "last [31m"]);
  await vi.waitFor(() => expect(processOf(Number(readFileSync(child, "utf8")))).toBeUndefined());
});

test("a script that others can change is not run", async () => {
  const host = await lab();
  const program = host.put("x.sh", `#!/bin/sh\ntouch ${host.path("ran")}\n`, 0o755);
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }]);
  chmodSync(program, 0o777);
  await agent.send(restart, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "refused" });
  expect(existsSync(host.path("ran"))).toBe(false);
});

test("a script that is not there, or fails, says so", async () => {
  const host = await lab();
  const program = host.put("fails.sh", "#!/bin/sh\necho no room >&2\nexit 3\n", 0o755);
  const gone = { ...restart, target: "replica:gone", do: [{ use: "script", program: host.path("gone.sh") }] };
  const agent = await host.start([{ ...restart, do: [{ use: "script", program }] }, gone]);
  await agent.send(restart, { id: "a" });
  expect((await agent.result("a")).steps).toMatchObject([{ exitCode: 3, output: ["no room"] }]);
  await agent.send({ ...restart, target: "replica:gone" }, { id: "b" });
  expect(await agent.result("b")).toMatchObject({ outcome: "refused", says: expect.stringContaining("not there") });
});

test("a program that writes its pid file itself is waited for, and one that does not is told", async () => {
  const host = await lab();
  const pid = `require("node:fs").writeFileSync(${JSON.stringify(host.path("engine.pid"))}, String(process.pid));`;
  const program = host.put("engine.js", `${pid}${engine}`);
  const silent = host.put("silent-engine.js", engine);
  const own = { writesPidFile: true, settle: "3s" };
  const other = { ...restart, target: "replica:silent" };
  const silently = { ...step(host, silent, "short", own), pidFile: host.path("silent.pid") };
  const agent = await host.start([
    { ...restart, do: [step(host, program, "calm", own)] },
    { ...other, do: [silently] },
  ]);
  endStarted(host);
  await agent.send(restart, { id: "a" });
  expect(await agent.result("a")).toMatchObject({ outcome: "succeeded" });
  await agent.send(other, { id: "b" });
  expect(await agent.result("b")).toMatchObject({
    outcome: "failed",
    says: expect.stringContaining("wrote no number"),
  });
});
