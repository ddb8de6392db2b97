// Restarting a container over Docker's unix socket (Engine API); no client program, no shell.

import { existsSync } from "node:fs";
import http from "node:http";
import { oneLine } from "../../model/one-line.ts";
import { type Executor, failed, type StepResult, wordOf } from "../executor.ts";
import type { StepOf } from "../step-schema.ts";

interface Reply {
  readonly status: number;
  readonly text: string;
}

const answerBytesMax = 1024 * 1024;

export function dockerContainer(step: StepOf<"docker">): Executor {
  const path = `/containers/${encodeURIComponent(step.container)}`;
  const what = `container ${step.container}`;
  return {
    may: `restart the ${what} of Docker at ${step.socket}`,
    problems: () => (existsSync(step.socket) ? [] : [`${step.socket} is not there; is Docker running?`]),
    async run(): Promise<StepResult> {
      try {
        const seconds = Math.ceil(step.grace / 1000);
        const asked = await ask(step, "POST", `${path}/restart?t=${seconds}`);
        if (asked.status !== 204)
          return { ...failed(`${what} was not restarted: Docker answered ${asked.status}`), output: saidBy(asked) };
        const now = await ask(step, "GET", `${path}/json`);
        const runs = now.status === 200 && isRunning(now.text);
        return runs
          ? { outcome: "succeeded", says: `${what} was restarted` }
          : failed(`${what} was restarted and is not running`);
      } catch (error) {
        return failed(`${what} was not restarted (${wordOf(error)})`);
      }
    },
    restarts: true,
  };
}

function ask(step: StepOf<"docker">, method: string, path: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { host: "docker", ...(method === "POST" ? { "content-length": "0" } : {}) };
    const request = http.request({ socketPath: step.socket, method, path, headers, agent: false });
    const late = setTimeout(() => request.destroy(new Error("no answer in time")), step.grace + step.timeout);
    request.on("close", () => clearTimeout(late));
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let read = 0;
      response.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read <= answerBytesMax) chunks.push(chunk);
        else request.destroy(new Error("too long an answer"));
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    request.end();
  });
}

function isRunning(text: string): boolean {
  const read = parse(text) as { State?: { Running?: unknown } } | undefined;
  return read?.State?.Running === true;
}

function saidBy({ text }: Reply): readonly string[] {
  const message = (parse(text) as { message?: unknown } | undefined)?.message;
  return typeof message === "string" ? [oneLine(message, 200)] : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
