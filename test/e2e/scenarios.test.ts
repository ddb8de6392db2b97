// Four kinds of application, their spans with texts sent over the wire: what goes wrong fires the packs, good answers stay quiet.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRules } from "../../src/detect/rules/engine.ts";
import { parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import { textCounters } from "../../src/model/ports/span-reader.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { evaluateInstantSync } from "../../src/promql/evaluate.ts";
import { countingTelemetry } from "../observe/raw.ts";
import { setUp } from "../observe/set-up.ts";
import { parsed } from "../promql/helpers.ts";
import { root, serviceIn, temporaryFolder, until } from "../support/service.ts";
import { type Application, applications, type Exchange } from "./scenario-texts.ts";

const packs = ["genai-app", "customer-service", "translation", "summarisation", "code-generation", "privacy", "rag"];
const minute = 60_000;
const stepMs = 15_000;
/** Every service begins well; half of them go wrong after a while. */
const end = Math.floor(Date.now() / minute) * minute - minute;
const badFrom = end - 65 * minute;
const begin = badFrom - 100 * minute;
const everyMs = 10_000;

const folder = temporaryFolder();
let service: Awaited<ReturnType<typeof serviceIn>>;
const telemetry = countingTelemetry();
const { mappings } = await loadMappings("rules/signals");
const fired = new Map<string, Set<string>>();
let value: (query: string) => number | undefined;

beforeAll(async () => {
  service = await serviceIn(folder.path);
  let sent = 0;
  for (const application of applications) sent += await sendAll(application);
  sent += await sendAgents("customer-service-good", () => false);
  sent += await sendAgents("customer-service-bad", (i) => i % 2 === 0);
  sent += await sendRetrievals();
  await sendEvents();
  await until(async () => {
    const { groups } = await service.store.spans.spansAfter("", 0, 3_600_000);
    return groups.reduce((sum, { count }) => sum + count, 0) === sent;
  });

  const { head } = setUp({ mappings, windowMs: 3 * 3_600_000, stepMs, latenessMs: 0 }, undefined, service.store.spans);
  await head.refresh(end);
  const files = packs.map((pack) => {
    const { file } = parseRuleFile(pack, readFileSync(join(root, "rules", "packs", `${pack}.rules.yaml`), "utf8"));
    return file!;
  });
  const rules = createRules(files, { source: head, telemetry });
  for (let at = begin; at <= end; at += stepMs) {
    for (const { rule, labels, state } of await rules.evaluate(at)) {
      if (state !== "firing") continue;
      const services = fired.get(rule) ?? new Set();
      fired.set(rule, services.add(labels["service_name"] ?? ""));
    }
  }
  value = (query) => {
    const result = evaluateInstantSync(parsed(query), end, rules.source);
    return result.kind === "vector" ? result.samples[0]?.value : undefined;
  };
}, 180_000);
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

test("each application that goes wrong fires the alerts of its pack, and those of all applications", () => {
  const services = Object.fromEntries([...fired].map(([name, of]) => [name, [...of].join()]));
  expect(services).toEqual({
    CustomerServiceRefusesMore: "customer-service-bad",
    CustomerServiceHandsOverMore: "customer-service-bad",
    TranslationWrongLanguage: "translation-bad",
    TranslationCopiesSource: "translation-bad",
    SummariesCopySource: "summarisation-bad",
    SummariesLongerThanSource: "summarisation-bad",
    SummariesEmpty: "summarisation-bad",
    CodeDoesNotParse: "code-generation-bad",
    CodeJsonInvalid: "code-generation-bad",
    CodeDiffsEmpty: "code-generation-bad",
    GenAiOutputLoops: "customer-service-bad",
    // Every answer that comes as a log record holds garbled text.
    GenAiOutputGarbled: "events",
    PrivacyPersonalDataInAnswers: "customer-service-bad",
    RagFindsNothing: "library-bad",
  });
});

test("every kind of flag and claim is a series, and what answers well is flagged by none", () => {
  for (const { metric, labels } of Object.values(textCounters)) {
    if (labels === textCounters.inputEmpty.labels || labels === textCounters.inputLoop.labels) continue;
    const where = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
    expect(value(`sum(${metric}{${where}})`), JSON.stringify({ metric, ...labels })).toBeGreaterThan(0);
  }
  expect(value('sum(homeostat_text_flagged_total{service_name=~".*-good"}) or vector(0)')).toBe(0);
  expect(value('sum(homeostat_text_flagged_total{homeostat_scenario="",service_name!="events"}) or vector(0)')).toBe(0);
});

test("facts that come with log records count as those of spans do, and a record is no call", () => {
  expect(value('homeostat_text_seen_total{service_name="events",side="output",gen_ai_request_model="model-y"}')).toBe(
    30,
  );
  expect(value('homeostat_text_flagged_total{service_name="events",fact="refusal"}')).toBe(30);
  expect(value('sum(traces_span_metrics_calls_total{service_name="events"})')).toBeUndefined();
});

test("the service itself shows the series to Prometheus's readers, and none of the words is stored", async () => {
  const query = 'count(count by (fact) (homeostat_text_flagged_total{homeostat_scenario="translation"}))';
  await until(async () => {
    const answer = await fetch(`${service.apiUrl}/prometheus/api/v1/query?${new URLSearchParams({ query })}`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result[0]?.value[1] === "2";
  });
  for (const word of ["Lieferung", "Okafor", "sum_even", "4111"]) {
    const range = { from: begin, to: end + minute };
    expect(await service.store.logs.search({ contains: word, range, limit: 1 })).toEqual([]);
  }
});

async function sendAll({ scenario, good, bad }: Application): Promise<number> {
  const calls = (exchanges: readonly Exchange[], from: number, to: number) =>
    Array.from({ length: (to - from) / everyMs }, (_, i) =>
      span(from + i * everyMs, exchanges[i % exchanges.length] as Exchange),
    );
  const goodCalls = calls(good, begin, end);
  const badCalls = [...calls(good, begin, badFrom), ...calls(bad, badFrom, end)];
  await send(`${scenario}-good`, scenario, goodCalls);
  await send(`${scenario}-bad`, scenario, badCalls);
  return goodCalls.length + badCalls.length;
}

/** An agent that answers, and hands over to a person when `hands` says so and things go wrong. */
async function sendAgents(name: string, hands: (i: number) => boolean): Promise<number> {
  const spans = Array.from({ length: (end - begin) / everyMs }, (_, i) => {
    const at = begin + i * everyMs;
    const agent = spanOf(at, { "gen_ai.operation.name": "invoke_agent" });
    const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "transfer_to_human" };
    return (at >= badFrom && hands(i)) || i % 50 === 0 ? [agent, spanOf(at, tool)] : [agent];
  }).flat();
  await send(name, "customer-service", spans);
  return spans.length;
}

/** Prompts and answers as log records, which is where newer instrumentations put them. */
async function sendEvents(): Promise<void> {
  const logRecords = Array.from({ length: 30 }, (_, i) => ({
    timeUnixNano: `${end - (i + 1) * everyMs}000000`,
    eventName: "gen_ai.client.inference.operation.details",
    attributes: [
      text("gen_ai.operation.name", "chat"),
      text("gen_ai.request.model", "model-y"),
      text(
        "gen_ai.input.messages",
        messages(
          "user",
          "Where is the ledger of last year? Mojibake: \u00c3\u00a9\u00c3\u00a8\u00c3\u00a0\u00c3\u00bc\u00c3\u00b6",
        ),
      ),
      text(
        "gen_ai.output.messages",
        messages("assistant", "I'm sorry, but I can't help with that. \ufffd\ufffd\ufffd\ufffd"),
      ),
    ],
  }));
  const resource = { attributes: [text("service.name", "events")] };
  await post("logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
}

/** Retrievals that find documents, and from some time on none. */
async function sendRetrievals(): Promise<number> {
  const spans = Array.from({ length: (end - begin) / everyMs }, (_, i) => {
    const at = begin + i * everyMs;
    const documents = JSON.stringify(at < badFrom ? [{ id: "doc-1", score: 0.9 }] : []);
    return spanOf(at, { "gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents });
  });
  await send("library-bad", "", spans);
  return spans.length;
}

function span(at: number, { asks, answers, more = {} }: Exchange): object {
  return spanOf(at, {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "model-x",
    "gen_ai.input.messages": messages("user", asks),
    "gen_ai.output.messages": messages("assistant", answers),
    ...more,
  });
}

const messages = (role: string, content: string): string =>
  JSON.stringify([{ role, parts: [{ type: "text", content }], finish_reason: "stop" }]);
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
let ids = 0;

function spanOf(at: number, attributes: Readonly<Record<string, string>>): object {
  ids++;
  return {
    traceId: ids.toString(16).padStart(32, "a"),
    spanId: ids.toString(16).padStart(16, "b"),
    name: attributes["gen_ai.operation.name"],
    kind: 3,
    startTimeUnixNano: `${at}000000`,
    endTimeUnixNano: `${at + 800}000000`,
    status: { code: 0 },
    attributes: Object.entries(attributes).map(([key, value]) => text(key, value)),
  };
}

async function send(name: string, scenario: string, spans: readonly object[]): Promise<void> {
  const more = scenario === "" ? [] : [text("homeostat.scenario", scenario)];
  const resource = { attributes: [text("service.name", name), ...more] };
  await post("traces", { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

async function post(signal: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const url = `${service.otlpUrl}/v1/${signal}`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
}
