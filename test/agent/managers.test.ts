// Docker, pm2 and systemd: the real one where it is here, a stand-in that speaks the real protocol where that proves something.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import http from "node:http";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { atEnd, found, type Lab, lab, restart, type Told } from "./lab.ts";

const docker = found("docker");
const pm2 = found("pm2");
const systemctl = found("systemctl");
const booted = existsSync("/run/systemd/system");

/** The three calls of Docker's Engine API (1.41 and later) that a restart takes. */
async function engine(host: Lab, restarts: { status: number; message?: string }, running = true) {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const url = request.url ?? "";
    if (!url.endsWith("/_ping")) asked.push(`${request.method} ${url.replace(/^\/v[\d.]+/, "")}`);
    const json = { "content-type": "application/json", "api-version": "1.41", ostype: "linux" };
    if (url.endsWith("/_ping")) response.writeHead(200, json).end("OK");
    else if (request.method === "POST" && restarts.status === 204) response.writeHead(204, json).end();
    else if (request.method === "POST")
      response.writeHead(restarts.status, json).end(JSON.stringify({ message: restarts.message }));
    else response.writeHead(200, json).end(JSON.stringify({ Id: "abc", State: { Running: running } }));
  });
  const socket = host.path("docker.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { socket, asked };
}

async function run(host: Lab, step: object): Promise<Told> {
  const agent = await host.start([{ ...restart, do: [step] }]);
  await agent.send(restart, { id: "action-1" });
  return await agent.result("action-1");
}

test("docker: the container is restarted over the socket, and looked at afterwards", async () => {
  const host = await lab();
  const { socket, asked } = await engine(host, { status: 204 });
  const told = await run(host, { use: "docker", container: "vllm-0", socket, grace: "20s" });
  expect(told).toMatchObject({ outcome: "succeeded" });
  expect(asked).toEqual(["POST /containers/vllm-0/restart?t=20", "GET /containers/vllm-0/json"]);
});

test.skipIf(docker === undefined)(
  "docker: its own client asks the same of the same socket (needs docker)",
  async () => {
    const host = await lab();
    const { socket, asked } = await engine(host, { status: 204 });
    const env = { PATH: process.env["PATH"] ?? "", DOCKER_CONFIG: host.folder("config") };
    const client = spawn(docker!, ["-H", `unix://${socket}`, "restart", "-t", "20", "vllm-0"], {
      env,
      stdio: "ignore",
    });
    expect(await new Promise((resolve) => client.on("exit", resolve))).toBe(0);
    expect(asked).toContain("POST /containers/vllm-0/restart?t=20");
  },
);

test("docker: what it answers is told in one line, and a container that does not run afterwards is no success", async () => {
  const host = await lab();
  const { socket } = await engine(host, { status: 404, message: "No such container:\n vllm-0" });
  const told = await run(host, { use: "docker", container: "vllm-0", socket });
  expect(told).toMatchObject({ outcome: "failed", says: expect.stringContaining("404") });
  expect(told.steps[0]!.output).toEqual(["No such container:  vllm-0"]);
  const second = await lab();
  const down = await engine(second, { status: 204 }, false);
  expect(await run(second, { use: "docker", container: "vllm-0", socket: down.socket })).toMatchObject({
    outcome: "failed",
    says: expect.stringContaining("not running"),
  });
});

test("docker: where it is not there, that is said", async () => {
  const host = await lab();
  const told = await run(host, { use: "docker", container: "vllm-0", socket: host.path("none.sock") });
  expect(told).toMatchObject({ outcome: "failed", says: expect.stringContaining("ENOENT") });
});

test.skipIf(pm2 === undefined)("pm2: a process of it is restarted (needs pm2)", async () => {
  const host = await lab();
  const program = host.put("engine.js", "setInterval(() => {}, 1000);");
  const env = { PM2_HOME: host.folder("pm2"), PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
  const ask = (...args: readonly string[]): string => execFileSync(pm2!, args, { env, encoding: "utf8" });
  ask("start", program, "--name", "vllm-0", "--silent");
  atEnd(() => ask("kill", "--silent"));
  const told = await run(host, { use: "pm2", name: "vllm-0", program: pm2, env });
  expect(told).toMatchObject({ outcome: "succeeded" });
  const [process0] = JSON.parse(ask("jlist", "--silent")) as { name: string; pm2_env: { restart_time: number } }[];
  expect(process0).toMatchObject({ name: "vllm-0", pm2_env: { restart_time: 1, status: "online" } });
});

test("systemd: exactly the declared unit is named, behind the end of the options", async () => {
  const host = await lab();
  const program = host.put(
    "systemctl",
    "#!/bin/sh\nprintf '<%s>' \"$@\"\nenv | grep -v -E '^(PWD|SHLVL|_|OLDPWD)='\n",
    0o755,
  );
  const told = await run(host, { use: "systemd", unit: "vllm-0.service", program, env: { LANG: "C" } });
  expect(told.steps[0]!.output).toEqual(["<--no-ask-password><--no-pager><restart><--><vllm-0.service>LANG=C"]);
});

test.skipIf(systemctl === undefined || booted)("systemd: systemctl takes those options (needs systemctl)", async () => {
  const host = await lab();
  const told = await run(host, { use: "systemd", unit: "homeostat-none.service", program: systemctl });
  expect(told).toMatchObject({ outcome: "failed", steps: [{ exitCode: 1 }] });
  expect(told.steps[0]!.output?.join(" ")).toMatch(/not been booted|bus/);
});

test.skipIf(!booted || spawnSync("id", ["-u"], { encoding: "utf8" }).stdout.trim() !== "0")(
  "systemd: a unit is restarted (needs systemd as the first process, and root)",
  async () => {
    const host = await lab();
    const unit = `homeostat-test-${process.pid}.service`;
    const ask = (...args: readonly string[]): string => execFileSync("systemctl", args, { encoding: "utf8" }).trim();
    execFileSync("systemd-run", [`--unit=${unit}`, "--property=Type=exec", "/bin/sleep", "1000"]);
    atEnd(() => void ask("stop", unit));
    const before = ask("show", unit, "--property=MainPID", "--value");
    const told = await run(host, { use: "systemd", unit, program: systemctl });
    expect(told).toMatchObject({ outcome: "succeeded" });
    expect(ask("show", unit, "--property=MainPID", "--value")).not.toBe(before);
  },
);
