// A host with an agent on it: a folder of its own, a key, and somebody who takes the results and checks their signature.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterEach, vi } from "vitest";
import { loadAllowFile } from "../../src/agent/allow-file.ts";
import { type AgentOptions, openAgent } from "../../src/app/agent.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

export const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
export const otherSecret = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const replySecret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;

export interface Told {
  readonly request: string;
  readonly outcome: string;
  readonly says: string;
  readonly steps: readonly { use: string; says: string; exitCode?: number; output?: readonly string[] }[];
  readonly undo: readonly { step: number; before: string; after: string }[];
  readonly idempotencyKey: string;
}

const cleanup: (() => Promise<unknown> | unknown)[] = [];
/** Runs after the test, the last one first. */
export const atEnd = (work: () => Promise<unknown> | unknown): void => void cleanup.push(work);
afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

export interface Lab {
  readonly root: string;
  readonly told: Told[];
  path(...parts: string[]): string;
  put(name: string, text: string | Buffer, mode?: number): string;
  folder(name: string): string;
  /** Writes the agent's file; returns its path. */
  write(rules: readonly object[], more?: object): string;
  start(rules: readonly object[], more?: object, options?: AgentOptions): Promise<Running>;
}

export interface Running {
  readonly port: number;
  readonly url: string;
  send(data: object, about?: Partial<Sent>): Promise<{ status: number; body: Record<string, unknown> }>;
  /** The result of this request, when it is told. */
  result(id: string): Promise<Told>;
  stop(): Promise<void>;
}

export interface Sent {
  readonly id: string;
  readonly type: string;
  readonly secret: string;
  /** When it is signed. */
  readonly at: Date;
  /** When it was first sent. */
  readonly timestamp: Date;
  readonly headers: Record<string, string>;
  /** Instead of what follows from the data. */
  readonly body: string;
}

let ids = 0;

export async function lab(): Promise<Lab> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "homeostat-agent-")));
  atEnd(() => rmSync(root, { recursive: true, force: true }));
  const told: Told[] = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      const message = new Webhook(replySecret).verify(body, request.headers as Record<string, string>);
      told.push((message as { data: Told }).data);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const replyUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/results`;
  const path = (...parts: string[]): string => join(root, ...parts);
  const put: Lab["put"] = (name, text, mode = 0o600) => {
    writeFileSync(path(name), text, { mode });
    return path(name);
  };
  put("request.key", `${secret}\n`);
  put("reply.key", replySecret);

  const write: Lab["write"] = (rules, more = {}) =>
    put(
      "agent.yaml",
      JSON.stringify({
        name: "host-1",
        mode: "act",
        listen: { port: 0 },
        keys: [{ file: path("request.key") }],
        state: path("state"),
        killSwitch: path("stop"),
        limits: { perHour: 1000, perTargetPerHour: 100, pause: "1ms", waiting: 100 },
        reply: { url: replyUrl, keys: [{ file: path("reply.key") }], allow: ["127.0.0.0/8"] },
        allow: rules,
        ...more,
      }),
    );

  return {
    root,
    told,
    path,
    put,
    folder(name) {
      mkdirSync(path(name), { recursive: true, mode: 0o755 });
      return path(name);
    },
    write,
    async start(rules, more, options = {}) {
      const loaded = loadAllowFile(write(rules, more));
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
      const open = await openAgent(loaded.file, silentTelemetry, { backoff: { firstMs: 1, maxMs: 2 }, ...options });
      let stopped: Promise<void> | undefined;
      const stop = (): Promise<void> => {
        stopped ??= Promise.resolve(open[Symbol.asyncDispose]());
        return stopped;
      };
      atEnd(stop);
      const url = `http://127.0.0.1:${open.port}/actions`;
      return {
        port: open.port,
        url,
        stop,
        send: (data, about = {}) => send(url, data, about),
        result: (id) =>
          vi.waitFor(
            () => {
              const found = told.find(({ request }) => request === id);
              if (found === undefined) throw new Error(`no result of ${id} yet`);
              return found;
            },
            { timeout: 30_000, interval: 10 },
          ),
      };
    },
  };
}

/** As src/deliver has it, signed by the reference library. */
export function signed(data: object, about: Partial<Sent> = {}): { body: string; headers: Record<string, string> } {
  const { id = `action-${++ids}`, type = "action.requested", at = new Date(), timestamp = new Date() } = about;
  const key = (data as { idempotencyKey?: string }).idempotencyKey ?? id;
  const message = { type, timestamp: timestamp.toISOString(), data: { idempotencyKey: key, ...data } };
  const body = about.body ?? JSON.stringify(message);
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(about.secret ?? secret).sign(id, at, body),
    ...about.headers,
  };
  return { body, headers };
}

async function send(url: string, data: object, about: Partial<Sent>) {
  const response = await fetch(url, { method: "POST", ...signed(data, about) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Path of a program of this machine. */
export function found(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A script that appends a line with its arguments to a file: how often it ran, and with what. */
export function countingScript(at: Lab): { program: string; runs: string } {
  const runs = at.path("runs");
  const program = at.put("count.sh", `#!/bin/sh\nprintf '<%s>' "$@" >> ${runs}\necho >> ${runs}\n`, 0o755);
  return { program, runs };
}

export const restart = { action: "restart-replica", target: "replica:vllm-0" };
