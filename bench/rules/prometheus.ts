// Prometheus on the same series and the same rules: what it uses with the rules and without them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { cpuSecondsOf, residentBytesOf } from "../lib/process-tree.ts";
import { ruleFile } from "./series.ts";

export interface PeerCost {
  /** CPU seconds an interval, everything. */
  readonly wholeSeconds: number;
  /** Of these, what goes away without the rules. */
  readonly rulesSeconds: number;
  readonly residentMib: number;
  readonly version: string;
}

/** Real time between rounds; ranges are 20 rounds, as 5 minutes are at 15 s. */
const intervalSeconds = 5;
const warmRounds = 22;
const measuredRounds = 12;

/** Undefined where there is no `prometheus` to run. Takes about four minutes. */
export async function measurePrometheus(): Promise<PeerCost | undefined> {
  const told = spawnSync("prometheus", ["--version"], { encoding: "utf8" });
  if (told.status !== 0) return undefined;
  const version = /version ([\w.]+)/.exec(`${told.stdout}${told.stderr}`)?.[1] ?? "unknown";
  const directory = mkdtempSync(join(tmpdir(), "bench-rules-"));
  const children: ChildProcess[] = [];
  try {
    const pages = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, "page-server.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(pages);
    const port = await new Promise<string>((resolve) =>
      pages.stdout!.once("data", (text) => resolve(String(text).trim())),
    );
    const interval = `${intervalSeconds}s`;
    const rules = join(directory, "rules.yml");
    writeFileSync(rules, ruleFile(interval, `${intervalSeconds * 20}s`));
    const config = join(directory, "prometheus.yml");
    const configText = (ruleFiles: string): string =>
      `global: { scrape_interval: ${interval}, evaluation_interval: ${interval} }\n${ruleFiles}scrape_configs:\n  - job_name: fleet\n    static_configs: [{ targets: ["127.0.0.1:${port}"] }]\n`;
    writeFileSync(config, configText(`rule_files: ["${rules}"]\n`));
    const address = "127.0.0.1:19690";
    const flags = [
      "--web.listen-address",
      address,
      "--web.enable-lifecycle",
      "--storage.tsdb.path",
      join(directory, "tsdb"),
    ];
    const server = spawn("prometheus", ["--config.file", config, ...flags], { stdio: "ignore" });
    children.push(server);
    await wait(intervalSeconds * warmRounds * 1000);
    await evaluating(address);
    const withRules = await cost(server.pid!);
    const residentMib = residentBytesOf(server.pid!) / 2 ** 20;
    await evaluating(address);
    writeFileSync(config, configText(""));
    await fetch(`http://${address}/-/reload`, { method: "POST" });
    await wait(intervalSeconds * 2000);
    const without = await cost(server.pid!);
    return { wholeSeconds: withRules, rulesSeconds: Math.max(0, withRules - without), residentMib, version };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await wait(200);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Waits until the rules give what they should: on a busy machine a scrape or a round may be late. Rejects after a minute. */
async function evaluating(address: string): Promise<void> {
  for (let left = 30; left > 0; left--) {
    const answer = await fetch(`http://${address}/api/v1/query?query=count(fleet:counter_0:rate)`).catch(
      () => undefined,
    );
    if ((await answer?.text())?.includes('"7"')) return;
    await wait(2000);
  }
  throw new Error("the peer did not evaluate its rules");
}

/** CPU seconds an interval over the next rounds. */
async function cost(pid: number): Promise<number> {
  const from = cpuSecondsOf(pid);
  await wait(intervalSeconds * measuredRounds * 1000);
  return (cpuSecondsOf(pid) - from) / measuredRounds;
}
