// Log lines sent over the wire become series that PromQL finds, signals of an engine that only logs, findings that are
// kept, shown and told; and what happens where the store does not answer.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packParts, unpackParts } from "../../src/detect/snapshot.ts";
import type { LogFinding } from "../../src/model/log-finding.ts";
import type { LogReader } from "../../src/model/ports/log-reader.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import type { LogTemplateRow } from "../../src/show/contract.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";
import { type Line, listReader, watchOver } from "./list-reader.ts";

const minute = 60_000;

describe("the watch", () => {
  it("counts and tells that its place is beyond the store's end, and reads what comes from there on", async () => {
    const reader = listReader();
    for (let i = 0; i < 5; i++) reader.push({ at: 1000 * i, text: "an older life" });
    const before = watchOver(reader);
    await before.watch.step(10_000);
    const older = listReader();
    older.push({ at: 1000, text: "an older life" });
    const restored: LogReader = {
      async logsAfter(cursor, notBefore) {
        if (Number(cursor) <= 1) return await older.logsAfter(cursor, notBefore);
        return { ...(await older.logsAfter("1", notBefore)), beyond: true };
      },
    };
    const { watch, telemetry } = watchOver(restored, before.watch.snapshot());
    await watch.step(11_000);
    expect(telemetry.counts.get("homeostat.detect.dropped/log-cursor-beyond")).toBe(1);
    older.push({ at: 12_000, text: "a younger life" });
    await watch.step(12_000);
    expect(watch.templates().map(({ text }) => text)).toContain("a younger life");
    expect(telemetry.counts.get("homeostat.detect.dropped/log-cursor-beyond")).toBe(1);
  });

  it("tells of a kernel event once in five minutes, counts each, and a repeated code is a change", async () => {
    const reader = listReader();
    const { watch, put } = watchOver(reader);
    const xid = "NVRM: Xid (PCI:0000:9b:00): 79, pid=1, name=python, GPU has fallen off the bus.";
    for (const at of [10, 20, 400]) reader.push({ at: at * 1000, text: xid, host: "node-1", service: "" });
    const found = await watch.step(400_000);
    expect(found.map(({ kind, entity, at }) => [kind, entity, at])).toEqual([
      ["kernel", "gpu:node-1/0000:9b:00", 10_000],
      ["kernel", "gpu:node-1/0000:9b:00", 400_000],
    ]);
    expect(found[0]!.says).toContain("Xid 79 on GPU 0000:9b:00");
    const values = (metric: string): unknown[] =>
      put.filter((one) => one.metric === metric).map((one) => one.kind !== "distribution" && one.value);
    expect(values("kernel_log_events")).toEqual([1, 1, 1]);
    expect(values("kernel_log_xid")).toEqual([0, 79, 0, 79, 0, 79]);
  });

  it("keeps tenants apart", async () => {
    const reader = listReader();
    const { watch, put } = watchOver(reader);
    for (const tenant of ["default", "acme"])
      for (let i = 0; i < 5; i++) reader.push({ at: i * minute, text: `secret of ${tenant} number ${i}`, tenant });
    await watch.step(5 * minute);
    expect(watch.templates().map(({ tenant, text }) => [tenant, text])).toEqual([
      ["default", "secret of default number <*>"],
      ["acme", "secret of acme number <*>"],
    ]);
    expect(new Set(put.map(({ tenant }) => tenant))).toEqual(new Set(["default", "acme"]));
  });

  it("says when records cannot be read, goes on from the same place, and rejects never", async () => {
    const reader = listReader();
    const { watch, telemetry } = watchOver(reader);
    reader.push({ at: 0, text: "one line came here" });
    reader.broken = true;
    expect(await watch.step(minute)).toEqual([]);
    expect(watch.trouble()).toBe("the engine is away");
    expect(telemetry.counts.get("homeostat.detect.failures")).toBe(1);
    reader.broken = false;
    await watch.step(2 * minute);
    expect(watch.trouble()).toBeUndefined();
    expect(watch.templates()).toHaveLength(1);
  });

  it("gives one answer however its ticks fall and whenever it is stopped and started", async () => {
    const lines: Line[] = [];
    for (let step = 0; step < 40; step++) {
      for (let i = 0; i < 12; i++)
        lines.push({ at: step * 30_000 + i * 2000, text: `request ${step * 12 + i} done in ${i} ms` });
      if (step === 30)
        lines.push({ at: step * 30_000 + 24_000, text: "ERROR engine core died of fright", severity: 17 });
      if (step === 35)
        for (let i = 0; i < 50; i++) lines.push({ at: step * 30_000 + 25_000, text: `retry ${i} of step` });
    }
    const end = 40 * 30_000;
    const whole = listReader();
    whole.push(...lines);
    const once = watchOver(whole);
    const expected = await once.watch.step(end);
    expect(expected.map(({ kind }) => kind)).toEqual(["new", "new", "mix"]);
    const parts = listReader();
    let current = watchOver(parts);
    const found: LogFinding[] = [];
    const put: MadeSample[] = [];
    for (let from = 0; from < lines.length; from += 37) {
      parts.push(...lines.slice(from, from + 37));
      found.push(...(await current.watch.step(lines[Math.min(lines.length - 1, from + 36)]!.at)));
      // The memory that samples go to is empty after a restart: it is given again what it held.
      expect(current.put.slice(0, put.length)).toEqual(put);
      put.push(...current.put.slice(put.length));
      current = watchOver(parts, current.watch.snapshot());
    }
    expect(found).toEqual(expected);
    expect(put).toEqual(once.put);
    expect(Buffer.compare(current.watch.snapshot(), once.watch.snapshot())).toBe(0);
  });

  it("gives again only what is no older than memory reaches, and nothing of what it cannot read", async () => {
    const reader = listReader();
    for (let i = 0; i < 200; i++) reader.push({ at: i * 30_000, text: "request done in time" });
    const before = watchOver(reader);
    await before.watch.step(200 * 30_000);
    const saved = before.watch.snapshot();
    const after = watchOver(reader, saved);
    await after.watch.step(210 * 30_000);
    expect(after.put.length).toBeGreaterThan(40);
    expect(Math.min(...after.put.map(({ at }) => at))).toBeGreaterThanOrEqual(150 * 30_000);
    expect(new Set(after.put.map(({ at }) => at)).size).toBe(after.put.length);
    const { facts, bytes } = unpackParts(saved)!;
    const damaged = packParts({ facts, bytes: new Map([...bytes, [" recent samples", Uint8Array.of(1, 2, 3)]]) });
    const blank = watchOver(reader, damaged);
    await blank.watch.step(200 * 30_000);
    expect(blank.put).toEqual([]);
    expect(blank.watch.templates()).toEqual(before.watch.templates());
  });

  it("tells a service whose past arrives after the present of another", async () => {
    const reader = listReader();
    const { watch } = watchOver(reader);
    const quiet = (service: string, i: number): Line => ({ at: i * 3000, text: `request ${i} done in time`, service });
    for (let i = 0; i < 400; i++) reader.push(quiet("calm", i));
    for (let i = 0; i < 400; i++) {
      reader.push(quiet("sick", i));
      if (i === 350) reader.push({ at: i * 3000, text: "ERROR engine core died of fright", service: "sick" });
    }
    const found = await watch.step(400 * 3000);
    expect(found.map(({ kind, service }) => `${kind} ${service}`)).toEqual(["new sick"]);
  });

  it("starts anew, and says so, from a snapshot that is none", () => {
    const { watch, telemetry } = watchOver(listReader(), new Uint8Array([1, 2, 3, 4, 5]));
    expect(watch.templates()).toEqual([]);
    expect(telemetry.counts.get("homeostat.detect.dropped/log-snapshot-unreadable")).toBe(1);
  });
});

describe("a service", () => {
  const folder = temporaryFolder();
  let service: Awaited<ReturnType<typeof serviceIn>>;
  beforeAll(async () => {
    service = await serviceIn(folder.path);
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    folder.remove();
  });

  const end = Math.floor(Date.now() / 30_000) * 30_000 - 30_000;
  const begin = end - 25 * minute;
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

  type Line = readonly [at: number, body: string];

  /** All in one message: what arrives while a tick is under way would be judged late. */
  async function send(linesOf: Readonly<Record<string, readonly Line[]>>): Promise<void> {
    const resourceLogs = Object.entries(linesOf).map(([name, lines]) => ({
      resource: {
        attributes: [text("service.name", name), text("service.instance.id", `${name}-0`), text("host.name", "node-7")],
      },
      scopeLogs: [
        { logRecords: lines.map(([at, stringValue]) => ({ timeUnixNano: `${at}000000`, body: { stringValue } })) },
      ],
    }));
    const answer = await fetch(`${service.otlpUrl}/v1/logs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceLogs }),
    });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
  }

  async function ask<T>(path: string): Promise<T> {
    // While the machine is busy the store may not answer in time; then it says 503, and to ask again.
    const answer = await until(async () => {
      const one = await fetch(service.apiUrl + path);
      return one.status !== 503 && one;
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as T;
  }

  async function value(expr: string, at: number): Promise<number | undefined> {
    const path = `/api/v1/query?${new URLSearchParams({ query: expr, time: String(at / 1000) })}`;
    const { data } = await ask<{ data: { result: { value: [number, string] }[] } }>(path);
    const found = data.result[0]?.value[1];
    return found === undefined ? undefined : Number(found);
  }

  /** Lines of a quiet engine; in the last minute but one it does not stay so if `sick`. */
  function engineLines(sick: boolean): readonly Line[] {
    const lines: Line[] = [];
    for (let at = begin, i = 0; at < end; at += 2000, i++) {
      lines.push([at, `INFO: 10.0.0.${i % 250}:4711 - "POST /v1/completions HTTP/1.1" 200 OK`]);
      if (i % 5 === 0)
        lines.push([
          at,
          `Engine 000: Avg prompt throughput: ${100 + (i % 7)}.0 tokens/s, Avg generation throughput: 55.5 tokens/s, Running: 4 reqs, Waiting: 2 reqs, GPU KV cache usage: 25.0%, Prefix cache hit rate: 50.0%`,
        ]);
      if (i % 4 === 0) lines.push([at, `WARNING: request ${i} waits for memory`]);
      if (sick && at >= end - 2 * minute && at < end - minute)
        for (let k = 0; k < 20; k++) lines.push([at, `WARNING: request ${i * k} waits for memory`]);
      if (sick && at === end - 90_000)
        lines.push([at, "ERROR: EngineCore hit an exception: card 4111111111111111 of anna@example.com was refused"]);
    }
    return lines;
  }

  it("makes series, signals and findings of lines, and finds nothing in healthy ones", async () => {
    await send({
      calm: engineLines(false),
      sick: engineLines(true),
      "node-logs": [[end - minute, "NVRM: Xid (PCI:0000:3b:00): 94, pid=7, name=python, Contained: SM"]],
    });
    const findings = await until(async () => {
      const { data } = await ask<{ data: LogFinding[] }>("/api/v1/findings");
      const found = new Set(data.map(({ kind }) => kind as string));
      return ["new", "burst", "kernel"].every((kind) => found.has(kind)) && data;
    });
    expect(findings.filter((one) => one.service === "calm")).toEqual([]);
    const kinds = findings.map(({ kind, entity, severity }) => `${kind} ${entity} ${severity}`);
    expect(kinds).toEqual(
      expect.arrayContaining([
        "new deployment:sick error",
        "burst deployment:sick warn",
        "kernel gpu:node-7/0000:3b:00 error",
      ]),
    );
    expect(JSON.stringify(findings)).not.toMatch(/4111111111111111|anna@example/);

    const { data: templates } = await ask<{ data: LogTemplateRow[] }>("/api/v1/logs/templates?limit=1000");
    const access = templates.find((one) => one.text.includes("POST"))!;
    expect(access.text).toBe('INFO: [ip]:<*> - "POST <*>" <*> OK');
    const counted = await until(() =>
      value(`sum(increase(log_template_records{service_name="calm",template_id="${access.id}"}[5m]))`, end - minute),
    );
    expect(counted).toBeGreaterThan(120);
    expect(counted).toBeLessThan(180);

    // An engine that only logs still has its signals.
    const signals = { "llm:kv_cache_usage_ratio": 0.25, "llm:requests_running": 4, "llm:requests_waiting": 2 };
    for (const [metric, expected] of Object.entries(signals))
      expect(await until(() => value(`${metric}{entity="replica:calm-0"}`, end - 2 * minute))).toBe(expected);
    expect(await until(() => value('max_over_time(gpu:xid{entity="gpu:node-7/0000:3b:00"}[10m])', end))).toBe(94);
  });

  it("remembers templates over a restart", async () => {
    const before = await ask<{ data: LogTemplateRow[] }>("/api/v1/logs/templates");
    await service[Symbol.asyncDispose]();
    service = await serviceIn(folder.path);
    const after = await ask<{ data: LogTemplateRow[] }>("/api/v1/logs/templates");
    expect(after).toEqual(before);
  });
});
