// Spans over the real doors and the real store: an incident is told which tenant's requests it is about, or that it is all alike.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDrill } from "../../src/diagnose/attributes/drill.ts";
import type { Incident } from "../../src/model/incident.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type MadeRequest, makeRequests, type Plant } from "../diagnose/attributes/made-requests.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
const minute = 60_000;
const now = Date.now();
const onset = now - 6 * minute;
/** An application's other incident, long ago, when all requests were slow alike. */
const longAgo = onset - 600 * minute;
const rule = join(folder.path, "fires.rules.yaml");
writeFileSync(
  rule,
  `groups: [{ name: g, rules: [{ alert: Slow, expr: 'llm:requests_running > 0', labels: { failure_mode: straggler } }] }]`,
);
let service: Awaited<ReturnType<typeof serviceIn>>;
beforeAll(async () => {
  service = await serviceIn(folder.path, {
    observe: { tick: "* * * * * *", step: "10s", lateness: "0s", idle: "2s" },
    rules: { packs: [], files: [rule] },
  });
  const acme: Plant = (request) => {
    if (request.said.tenant === "acme") request.seconds *= 5;
  };
  const all: Plant = (request) => {
    request.seconds *= 3;
  };
  for (const [at, plant] of [
    [longAgo, all],
    [onset, acme],
  ] as const) {
    await post(
      "traces",
      traces(makeRequests({ count: 2500, from: at - 31 * minute, to: at - minute, seed: at % 1000 })),
    );
    await post("traces", traces(makeRequests({ count: 600, from: at, to: at + 6 * minute, seed: at % 999 }, plant)));
  }
  await service.store.flushed();
});
let stop = (): void => {};
afterAll(async () => {
  stop();
  await service[Symbol.asyncDispose]();
  folder.remove();
});

async function post(signal: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const url = `${service.otlpUrl}/v1/${signal}`;
  expect((await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).status).toBe(200);
}

const text = (key: string, value: string | undefined) =>
  value === undefined || value === "" ? [] : [{ key, value: { stringValue: value } }];

/** The application's call and, in the same trace, the engine's: who asks stands on one, and where it ran on the other. */
function traces(requests: readonly MadeRequest[]) {
  const spans = requests.map((request, i) => {
    const traceId = `${Math.round(request.at).toString(16)}${i.toString(16)}`.padStart(32, "1");
    const nano = (ms: number): string => `${Math.round(ms)}000000`;
    const times = {
      startTimeUnixNano: nano(request.at),
      endTimeUnixNano: nano(request.at + 1000 * request.seconds),
      status: { code: request.failed ? 2 : 0 },
    };
    const { tenant, model, route, streaming, finish_reason: reason } = request.said;
    const call = {
      ...{ traceId, spanId: traceId.slice(0, 15).concat("a"), name: "chat", kind: 3, ...times },
      attributes: [
        ...text("gen_ai.operation.name", "chat"),
        ...text("gen_ai.request.model", model),
        ...text("tenant.id", tenant),
        ...text("http.route", route),
        ...text("gen_ai.request.stream", streaming),
        ...text("gen_ai.response.finish_reasons", reason),
      ],
    };
    const tokens = (key: string, value: number) => ({ key, value: { intValue: String(value) } });
    const engine = {
      ...{
        traceId,
        spanId: traceId.slice(16, 31).concat("b"),
        parentSpanId: call.spanId,
        name: "llm_request",
        kind: 2,
      },
      ...times,
      attributes: [
        ...text("gen_ai.request.id", `r-${i}`),
        tokens("gen_ai.usage.prompt_tokens", request.inputTokens),
        tokens("gen_ai.usage.completion_tokens", request.outputTokens),
      ],
    };
    return { request, call, engine };
  });
  const replicas = [...new Set(requests.map(({ said }) => said.replica))];
  const of = (attributes: object[], some: object[]) => ({ resource: { attributes }, scopeSpans: [{ spans: some }] });
  return {
    resourceSpans: [
      of(
        text("service.name", "chat-app"),
        spans.map(({ call }) => call),
      ),
      ...replicas.map((replica) =>
        of(
          [
            ...text("service.name", "vllm"),
            ...text("service.instance.id", replica),
            ...text("service.version", "0.9.2"),
          ],
          spans.filter(({ request }) => request.said.replica === replica).map(({ engine }) => engine),
        ),
      ),
    ],
  };
}

async function drilled(at: number) {
  const drill = createDrill(service.store.tracedRequests, () => [], silentTelemetry);
  const times = { onset: at + minute, openedAt: at + 2 * minute, updatedAt: at + 2 * minute };
  const incident: Incident = {
    id: "x",
    state: "open",
    title: "",
    severity: "warning",
    ...times,
    entities: [],
    symptoms: [],
  };
  drill.ask(incident, at + 6 * minute, true);
  return await drill.take("x");
}

test("a planted tenant is found in what is stored, and none where all requests changed alike", async () => {
  const found = (await drilled(onset))!;
  expect(found.requests.before).toBeGreaterThan(2000);
  expect(found.requests.during).toBeGreaterThan(500);
  const slow = found.troubles.find(({ trouble }) => trouble === "slow")!;
  expect(slow.carriers.map(({ values }) => values)).toEqual([[{ attribute: "tenant", value: "acme" }]]);
  expect(slow.even).toEqual(expect.arrayContaining(["model", "replica", "route", "prompt_length", "streaming"]));
  const alike = (await drilled(longAgo))!;
  expect(alike.troubles.map(({ trouble }) => trouble)).toContain("slow");
  expect(alike.troubles.flatMap(({ carriers }) => carriers)).toEqual([]);
  expect(
    await service.store.tracedRequests.requests({ tenant: "nobody", range: { from: 0, to: now }, limit: 10 }),
  ).toMatchObject({
    requests: 0,
  });
  // A sample where there are more than may be looked at.
  const some = await service.store.tracedRequests.requests({ range: { from: 0, to: now + minute }, limit: 500 });
  expect(some.share).toBeLessThan(0.2);
  expect(some.requests).toBeGreaterThan(250);
  expect(some.requests).toBeLessThan(1000);
});

test("an open incident has it a step later, and the API gives it", async () => {
  const resource = { attributes: [...text("service.name", "chat"), ...text("service.instance.id", "vllm-1")] };
  const gauge = {
    dataPoints: [{ timeUnixNano: `${Date.now()}000000`, asDouble: 5, attributes: text("model_name", "m") }],
  };
  const metrics = [{ name: "vllm:num_requests_running", gauge }];
  const sending = setInterval(() => {
    gauge.dataPoints[0]!.timeUnixNano = `${Date.now()}000000`;
    void post("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
  }, 500);
  stop = () => clearInterval(sending);
  const incident = await until(async () =>
    (await service.store.records.list("incidents", { limit: 10 })).find(({ attributes }) => attributes !== undefined),
  );
  const answer = await fetch(`${service.apiUrl}/api/v1/incidents/${incident.id}/attributes`);
  expect(answer.status).toBe(200);
  const { data } = (await answer.json()) as { data: Incident["attributes"] };
  expect(data).toEqual(JSON.parse(JSON.stringify(incident.attributes)));
  expect((await fetch(`${service.apiUrl}/api/v1/incidents/nobody/attributes`)).status).toBe(404);
}, 120_000);
