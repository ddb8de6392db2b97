// A fleet on the wire: what arrives at a real HTTP receiver, byte for byte of OTLP/JSON.
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentTelemetry, type Telemetry } from "../../src/model/ports/telemetry.ts";
import { type FleetEvent, type RunningFleet, type RunOptions, runFleet } from "../../src/simulate/run.ts";
import { healthyScenario, scenarioFor } from "../../src/simulate/scenario.ts";
import { attributesOf, openSink, pointsOf, type Sink } from "./sink.ts";

const startAt = 1_760_000_000_000;
const secret = `whsec_${randomBytes(32).toString("base64")}`;

let sink: Sink;
let fleet: RunningFleet | undefined;
let events: FleetEvent[];

beforeEach(async () => {
  sink = await openSink();
  events = [];
});

afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
  await sink.close();
});

async function start(options: Partial<RunOptions> = {}): Promise<RunningFleet> {
  fleet = await runFleet({
    scenario: healthyScenario(1),
    endpoint: sink.url,
    changesUrl: `${sink.url}/api/v1/changes`,
    webhookSecret: secret,
    startAt,
    replayMs: 120_000,
    speed: 1,
    exportIntervalMs: 5000,
    now: () => startAt,
    onEvent: (event) => events.push(event),
    telemetry: silentTelemetry,
    ...options,
  });
  return fleet;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const nanos = (ms: number): string => `${ms}000000`;

describe("a replayed past", () => {
  test("arrives complete, in order for each replica, with virtual timestamps and vLLM's names", async () => {
    await (await start()).live;
    const points = pointsOf(sink.received);
    for (const replica of ["vllm-0", "vllm-1", "vllm-2", "vllm-3"]) {
      const running = points.filter(
        (point) => point.metric === "vllm:num_requests_running" && point.replica === replica,
      );
      const expected = Array.from({ length: 24 }, (_, i) => nanos(startAt + (i + 1) * 5000));
      expect(running.map(({ timeUnixNano }) => timeUnixNano)).toEqual(expected);
    }
    expect(points[0]!.resource).toMatchObject({
      "service.name": "vllm-chat",
      "service.instance.id": "vllm-0",
      "service.version": "0.10.2",
      "k8s.deployment.name": "vllm-chat",
      "k8s.pod.name": "vllm-0",
      "host.name": "gpu-node-0",
    });
    const kinds = new Map(points.map(({ metric, kind }) => [metric, kind]));
    expect(kinds.get("vllm:kv_cache_usage_perc")).toBe("gauge");
    expect(kinds.get("vllm:generation_tokens_total")).toBe("sum");
    expect(kinds.get("vllm:inter_token_latency_seconds")).toBe("histogram");
    expect(kinds.get("up")).toBe("gauge");
    const last = points.filter(({ metric }) => metric === "vllm:time_to_first_token_seconds").at(-1)!;
    expect(last.startTimeUnixNano).toBe(nanos(startAt));
    expect(last.explicitBounds).toHaveLength(22);
    expect(last.bucketCounts!.reduce((sum, n) => sum + n, 0)).toBe(last.count);
    expect(attributesOf(last.attributes)).toMatchObject({ engine: "0" });
  });

  test("carries log lines as vLLM writes them, and a span for a share of the requests", async () => {
    await (await start()).live;
    const of = (path: string) => sink.received.filter((one) => one.path === path).map(({ text }) => JSON.parse(text));
    const records = of("/v1/logs")
      .flatMap((body) => body.resourceLogs)
      .flatMap((entry) => entry.scopeLogs)
      .flatMap((scope) => scope.logRecords);
    const bodies: string[] = records.map((record) => record.body.stringValue);
    const moe = bodies.filter((body) => body.startsWith("Using default MoE config. Performance might be sub-optimal!"));
    expect(moe).toHaveLength(4);
    expect(moe[0]).toContain("E=128,N=768,device_name=NVIDIA_H100_80GB_HBM3.json");
    const stats = bodies.filter((body) =>
      /^Engine 000: Avg prompt throughput: [\d.]+ tokens\/s, .*Running: \d+ reqs/.test(body),
    );
    expect(stats).toHaveLength(4 * 12);

    const spans = of("/v1/traces")
      .flatMap((body) => body.resourceSpans)
      .flatMap((entry) => entry.scopeSpans)
      .flatMap((scope) => scope.spans);
    const finished = pointsOf(sink.received)
      .filter(
        (point) => point.metric === "vllm:request_success_total" && point.timeUnixNano === nanos(startAt + 120_000),
      )
      .reduce((sum, { asDouble }) => sum + (asDouble ?? 0), 0);
    expect(spans.length / finished).toBeGreaterThan(0.15);
    expect(spans.length / finished).toBeLessThan(0.25);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
    const span = spans[0];
    expect(span.name).toBe("llm_request");
    const attributes = attributesOf(span.attributes);
    const seconds = Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e9;
    expect(Number(attributes["gen_ai.latency.e2e"])).toBeCloseTo(seconds, 3);
    expect(Number(attributes["gen_ai.usage.prompt_tokens"])).toBeGreaterThan(0);
  });

  test("is the same to the byte for the same seed", async () => {
    await (await start()).live;
    await fleet!.stop();
    const first = sink.received.map(({ path, text }) => `${path} ${text}`).sort(byText);
    sink.received.length = 0;
    await (await start()).live;
    await fleet!.stop();
    expect(sink.received.map(({ path, text }) => `${path} ${text}`).sort(byText)).toEqual(first);
  });

  test("is sent again when the receiver is overloaded: nothing is lost or out of order", async () => {
    sink.failNext.push(429, 503, 503, 429);
    await (await start()).live;
    const times = pointsOf(sink.received)
      .filter(({ metric, replica }) => metric === "up" && replica === "vllm-0")
      .map(({ timeUnixNano }) => timeUnixNano);
    expect(times).toHaveLength(24);
    expect(times).toEqual([...times].sort(byText));
  });

  test("what the receiver refuses for good is dropped and counted", async () => {
    const dropped: string[] = [];
    const telemetry: Telemetry = {
      ...silentTelemetry,
      count: (name, _amount, attributes) => {
        if (name.endsWith("dropped")) dropped.push(`${attributes?.["kind"]} ${attributes?.["reason"]}`);
      },
    };
    sink.failNext.push(400, 400, 400, 400, 400, 400);
    await (await start({ telemetry, replayMs: 60_000 })).live;
    expect(dropped.sort(byText)).toEqual(["logs refused", ...Array(4).fill("metrics refused"), "spans refused"]);
  });
});

describe("a live fleet", () => {
  test("breaks after its time, tells of the change, is repaired by a signed webhook and recovers", async () => {
    let wallMs = startAt;
    const scenario = scenarioFor("kv-cache-saturation", 1, { target: "replica:vllm-1" })!;
    // Wall time is driven by hand: every look at the clock is 50 ms later.
    await start({ scenario, speed: 20, faultAfterMs: 10_000, now: () => (wallMs += 50) });
    await fleet!.live;
    const usage = (): number => {
      const points = pointsOf(sink.received.slice(-40));
      return (
        points.filter((p) => p.metric === "vllm:kv_cache_usage_perc" && p.replica === "vllm-1").at(-1)?.asDouble ?? 0
      );
    };
    await sink.until(() => usage() > 0.97);
    const changes = () =>
      sink.received.filter(({ path }) => path === "/api/v1/changes").map(({ text }) => JSON.parse(text));
    await sink.until(() => changes().length === 1);
    expect(changes()[0]).toMatchObject({
      kind: "config",
      target: "replica:vllm-1",
      before: { gpu_memory_utilization: "0.92" },
      after: { gpu_memory_utilization: "0.84" },
    });
    const faultAt = events.find(({ type }) => type === "fault")!.at;
    const liveAt = events.find(({ type }) => type === "live")!.at;
    expect(faultAt - liveAt).toBe(10_000);
    expect(changes()[0].at).toBe(faultAt);

    const body = JSON.stringify({
      type: "action.requested",
      data: { action: "rollback-config", target: "replica:vllm-1", parameters: {} },
    });
    const at = new Date(wallMs);
    const answer = await fetch(fleet!.controlUrl, {
      method: "POST",
      body,
      headers: {
        "webhook-id": "msg_9",
        "webhook-timestamp": String(Math.floor(wallMs / 1000)),
        "webhook-signature": new Webhook(secret).sign("msg_9", at, body),
      },
    });
    expect(answer.status).toBe(202);
    await sink.until(() => changes().length === 2 && usage() > 0 && usage() < 0.7);
    expect(changes()[1]).toMatchObject({ by: "msg_9", after: { gpu_memory_utilization: "0.92" } });
    const ups = pointsOf(sink.received).filter(({ metric, replica }) => metric === "up" && replica === "vllm-1");
    expect(ups.some(({ asDouble }) => asDouble === 0)).toBe(true);
    expect(await (await fetch(fleet!.metricsUrl("vllm-1"))).text()).toContain('gpu_memory_utilization="0.92"');
  });

  test("starts its counters anew, with a new start time, when a process was restarted", async () => {
    const scenario = scenarioFor("upgrade-regression", 1, { target: "replica:vllm-0", atMs: 30_000 })!;
    await (await start({ scenario })).live;
    const tokens = pointsOf(sink.received).filter(
      ({ metric, replica }) => metric === "vllm:generation_tokens_total" && replica === "vllm-0",
    );
    const starts = [...new Set(tokens.map(({ startTimeUnixNano }) => startTimeUnixNano))];
    expect(starts).toEqual([nanos(startAt), nanos(startAt + 38_000)]);
    const versions = new Set(tokens.map(({ resource }) => resource["service.version"]));
    expect([...versions]).toEqual(["0.10.2", "0.11.0"]);
    expect(tokens.find(({ startTimeUnixNano }) => startTimeUnixNano === starts[1])!.asDouble).toBeLessThan(5000);
  });

  test("can be stopped in the middle of its past", async () => {
    await start({ replayMs: 3_600_000 });
    await sink.until(() => sink.received.length > 3);
    await fleet!.stop();
    expect(events.some(({ type }) => type === "live")).toBe(false);
  });
});
