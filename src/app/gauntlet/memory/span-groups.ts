// Spans of a simulated fleet as the Head reads them: counted by what they have in common, as the store counts what it was sent.
import { type HrTime, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { type SpanGroup, type SpanReader, spanBounds } from "../../../model/ports/span-reader.ts";
import { factsOf } from "../../../receive/privacy/text-facts.ts";
import { countTexts, factNames, noRatios, noTexts } from "../../../store/read/text-counts.ts";
import { labelsOf, msOf } from "./metric-pages.ts";

export interface SpanGroups extends SpanReader {
  add(spans: readonly ReadableSpan[]): void;
}

export function createSpanGroups(): SpanGroups {
  let waiting: ReadableSpan[] = [];
  let cursor = 0;
  return {
    add(spans) {
      for (const span of spans) waiting.push(span);
    },
    spansAfter(_cursor, notBefore, stepMs) {
      const groups = new Map<string, Mutable>();
      for (const span of waiting) if (msOf(span.startTime) >= notBefore) count(groups, span, stepMs);
      waiting = [];
      return Promise.resolve({ groups: [...groups.values()].map(groupOf), cursor: String(++cursor), truncated: false });
    },
  };
}

type Same = Omit<SpanGroup, "count" | "seconds" | "buckets" | "firstTokens" | "texts" | "lengthRatios" | Amount>;
type Amount = "inputTokens" | "outputTokens" | "cachedTokens" | "costUsd";

interface Mutable {
  readonly same: Same;
  readonly took: Times;
  readonly firstToken: Times;
  readonly amounts: Record<Amount, number>;
  readonly texts: Float64Array;
}

interface Times {
  count: number;
  seconds: number;
  readonly buckets: number[];
}

const kinds: Readonly<Record<SpanKind, string>> = {
  [SpanKind.INTERNAL]: "Internal",
  [SpanKind.SERVER]: "Server",
  [SpanKind.CLIENT]: "Client",
  [SpanKind.PRODUCER]: "Producer",
  [SpanKind.CONSUMER]: "Consumer",
};
const statuses: Readonly<Record<SpanStatusCode, string>> = {
  [SpanStatusCode.UNSET]: "Unset",
  [SpanStatusCode.OK]: "Ok",
  [SpanStatusCode.ERROR]: "Error",
};

function count(groups: Map<string, Mutable>, span: ReadableSpan, stepMs: number): void {
  const said = labelsOf(span.attributes);
  const of = (...keys: readonly string[]): string =>
    keys.map((key) => said[key] ?? "").find((value) => value !== "") ?? "";
  const failed = span.status.code === SpanStatusCode.ERROR;
  const same: Same = {
    at: (Math.floor(msOf(span.endTime) / stepMs) + 1) * stepMs,
    service: String(span.resource.attributes["service.name"] ?? ""),
    scenario: String(span.resource.attributes["homeostat.scenario"] ?? ""),
    operation: span.name.replaceAll(/[0-9a-fA-F-]{16,}|\b[0-9]+\b/g, "*"),
    kind: kinds[span.kind],
    status: statuses[span.status.code],
    errorType: failed ? of("error.type", "http.response.status_code").slice(0, 60) : "",
    model: of("gen_ai.request.model", "gen_ai.response.model", "llm.model_name"),
    genAi: of("gen_ai.operation.name"),
    provider: of("gen_ai.provider.name", "gen_ai.system"),
    tool: of("gen_ai.tool.name"),
    finishReason: /[A-Za-z_]+/.exec(of("gen_ai.response.finish_reasons"))?.[0] ?? "",
  };
  const key = JSON.stringify(same);
  const group = groups.get(key) ?? newGroup(same);
  groups.set(key, group);
  add(group.took, secondsOf(span.duration));
  const firstToken = Number(of("gen_ai.latency.time_to_first_token", "gen_ai.response.time_to_first_chunk"));
  if (firstToken > 0) add(group.firstToken, firstToken);
  group.amounts.inputTokens += Number(of("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"));
  group.amounts.outputTokens += Number(of("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"));
  group.amounts.cachedTokens += Number(of("gen_ai.usage.cache_read.input_tokens"));
  const rows = of("db.response.returned_rows");
  const answer = isModelCall(same) ? textOf(of("gen_ai.output.messages")) : undefined;
  if (answer === undefined && same.genAi !== "retrieval") return;
  const { status, finishReason, genAi, scenario } = same;
  const documents = rows === "" ? -1 : Number(rows);
  countTexts({ status, finishReason, genAi, scenario, target: "", documents, facts: answer ?? [] }, group.texts);
}

function isModelCall({ genAi }: Same): boolean {
  return genAi === "chat" || genAi === "text_completion";
}

/** Facts of the answer in a list of messages, in the order that the store reads them in; undefined if there is none. */
function textOf(messages: string): readonly string[] | undefined {
  if (messages === "") return undefined;
  const parts = (JSON.parse(messages) as { parts: { content: string }[] }[]).flatMap((message) => message.parts);
  const { bytes, characters, blank, loop, garbled, language, languageConfidence, claims, found } = factsOf(
    parts.map(({ content }) => content).join("\n"),
  );
  const facts: Readonly<Record<string, string | undefined>> = {
    "output.bytes": String(bytes),
    "output.characters": String(characters),
    "output.blank": String(blank),
    "output.loop_share": loop === undefined ? "" : String(loop),
    "output.garbled_share": String(garbled),
    "output.language": language,
    "output.language_confidence": String(languageConfidence),
    "output.refusal": String(claims?.refusal ?? false),
    "output.json": claims?.json,
    "output.code": claims?.code,
    "output.diff_lines": claims?.diffLines === undefined ? "" : String(claims.diffLines),
    "output.found": found.join(","),
  };
  return factNames.map((name) => facts[name] ?? "");
}

function newGroup(same: Same): Mutable {
  const times = (): Times => ({ count: 0, seconds: 0, buckets: new Array<number>(spanBounds.length + 1).fill(0) });
  const amounts = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 };
  return { same, took: times(), firstToken: times(), amounts, texts: Float64Array.from(noTexts) };
}

function groupOf({ same, took, firstToken, amounts, texts }: Mutable): SpanGroup {
  return { ...same, ...took, firstTokens: firstToken, ...amounts, texts: Array.from(texts), lengthRatios: noRatios };
}

function add(times: Times, seconds: number): void {
  times.count++;
  times.seconds += seconds;
  const place = spanBounds.findIndex((bound) => seconds <= bound);
  times.buckets[place < 0 ? spanBounds.length : place]!++;
}

function secondsOf([seconds, nanos]: HrTime): number {
  return seconds + nanos / 1e9;
}
