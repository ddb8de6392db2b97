// Attribute keys and events under which instrumentations send what people and models said, and whose words they are.

/** Whose words: what went into the model, or what came out. */
export type Side = "input" | "output";

/** What a key holds, as one byte to look up; 0 is nothing. Taken apart by {@link sideOf} and its neighbours. */
export type Carrier = number;

const INPUT = 1;
const OUTPUT = 2;
/** The name of the event says which side. */
const BY_EVENT = 3;
const SIDE = 3;
const RANK_SHIFT = 2;
const RANK = 7;
const REASON = 0x20;
const MESSAGES = 0x40;

/**
 * By key, or prefix ending in `*`. Side `none` is content that says nothing about an answer: dropped, not described. Of
 * several carriers of one side in one item only those of the lowest rank are described: they hold the same words.
 */
const carriers: readonly (readonly [key: string, side: Side | "none", rank: number])[] = [
  // OpenTelemetry's conventions, from the newest back; OpenLLMetry's numbered keys; OpenInference's.
  ["gen_ai.input.messages", "input", 1],
  ["gen_ai.output.messages", "output", 1],
  ["gen_ai.system_instructions", "input", 1],
  ["gen_ai.tool.definitions", "none", 0],
  ["gen_ai.tool.call.arguments", "input", 3],
  ["gen_ai.tool.call.result", "output", 3],
  ["gen_ai.retrieval.documents", "output", 3],
  ["gen_ai.retrieval.query.text", "input", 3],
  ["gen_ai.event.content", "none", 0],
  ["gen_ai.content.prompt", "input", 3],
  ["gen_ai.content.completion", "output", 3],
  ["gen_ai.prompt", "input", 3],
  // What the prompt of a library is called, not what it says.
  ["gen_ai.prompt.*", "input", 2],
  ["gen_ai.completion", "output", 3],
  ["gen_ai.completion.*", "output", 2],
  ["llm.prompts*", "input", 2],
  ["llm.completions*", "output", 2],
  ["llm.input_messages*", "input", 2],
  ["llm.output_messages*", "output", 2],
  ["llm.prompt_template.*", "none", 0],
  ["llm.function_call", "none", 0],
  ["llm.tools*", "none", 0],
  ["retrieval.documents*", "none", 0],
  ["reranker.query", "none", 0],
  ["reranker.input_documents*", "none", 0],
  ["reranker.output_documents*", "none", 0],
  ["embedding.text", "input", 3],
  ["embedding.embeddings*", "none", 0],
  ["tool.parameters", "none", 0],
  ["traceloop.entity.input", "input", 4],
  ["traceloop.entity.output", "output", 4],
  ["input.value", "input", 4],
  ["output.value", "output", 4],
  // Langfuse, LangSmith, MLflow, Vercel's AI SDK, Pydantic AI.
  ["langfuse.observation.input", "input", 4],
  ["langfuse.observation.output", "output", 4],
  ["langfuse.trace.input", "input", 5],
  ["langfuse.trace.output", "output", 5],
  ["langsmith.inputs", "input", 4],
  ["langsmith.outputs", "output", 4],
  ["mlflow.spanInputs", "input", 4],
  ["mlflow.spanOutputs", "output", 4],
  ["ai.prompt", "input", 4],
  ["ai.prompt.messages", "input", 3],
  ["ai.prompt.tools", "none", 0],
  ["ai.response.text", "output", 3],
  ["ai.response.object", "output", 3],
  ["ai.response.toolCalls", "none", 0],
  ["ai.toolCall.args", "none", 0],
  ["ai.toolCall.result", "none", 0],
  ["ai.value", "input", 4],
  ["ai.values", "input", 4],
  ["pydantic_ai.all_messages", "none", 0],
  ["all_messages_events", "none", 0],
  ["final_result", "output", 5],
];
const exact = new Map(
  carriers
    .filter(([key]) => !key.endsWith("*"))
    .flatMap((each) => [[each[0], each] as const, [asLabel(each[0]), each] as const]),
);
const prefixes = carriers
  .filter(([key]) => key.endsWith("*"))
  .map((each) => [each[0].slice(0, -1), each] as const)
  .flatMap(([prefix, each]) => [[prefix, each] as const, [asLabel(prefix), each] as const]);

/** The key as a Prometheus label, which has no dots. */
export function asLabel(key: string): string {
  return key.replaceAll(/[.-]/g, "_");
}

/** Attributes that carry no words although their prefix does: short names an operator needs. */
const plainKeys: ReadonlySet<string> = new Set(["gen_ai.prompt.name", "gen_ai.prompt.version"]);

/** Events whose point is their content. */
const events: ReadonlyMap<string, Side | "own"> = new Map([
  ["gen_ai.content.prompt", "input"],
  ["gen_ai.content.completion", "output"],
  ["gen_ai.system.message", "input"],
  ["gen_ai.user.message", "input"],
  // History sent to the model again.
  ["gen_ai.assistant.message", "input"],
  ["gen_ai.tool.message", "input"],
  ["gen_ai.choice", "output"],
  ["gen_ai.client.inference.operation.details", "own"],
]);
const eventLengths = new Set([...events.keys()].map((name) => name.length));

/** Attributes of such events that hold it; anywhere else these keys are ordinary words. */
const eventKeys: ReadonlySet<string> = new Set([
  "content",
  "message",
  "tool_calls",
  "arguments",
  "parts",
  "text",
  "body",
  "input",
  "output",
]);

const reasonKey = /^(gen_ai\.completion|llm\.completions|llm\.output_messages)\.\d{1,4}\.(message\.)?finish_reason$/;
/** Of numbered keys, those that end so hold words; the rest are roles, names and tool calls. */
const wordsKey = /\.(content|text|message_content\.text)$|^llm\.(prompts|completions)(\.\d{1,4})?$/;

/** Whether the key holds what people or models said. */
export function isContentKey(key: string, inContentEvent: boolean): boolean {
  return entryOf(key) !== undefined || (inContentEvent && eventKeys.has(key));
}

/** What the key holds that facts can be read from. */
export function carrierOf(key: string, inContentEvent: boolean): Carrier {
  if (reasonKey.test(key) || (inContentEvent && key === "finish_reason")) return REASON;
  const entry = entryOf(key);
  if (entry === undefined) {
    const holds = inContentEvent && (key === "content" || key === "text" || key === "message" || key === "body");
    return holds ? bodyCarrier : 0;
  }
  const [pattern, side, rank] = entry;
  if (side === "none" || (pattern.endsWith("*") && !wordsKey.test(key))) return 0;
  return (side === "input" ? INPUT : OUTPUT) | (rank << RANK_SHIFT) | (rank === 1 ? MESSAGES : 0);
}

/** Carrier of the body of a log record that is such an event, and of ordinary keys in it. */
export const bodyCarrier: Carrier = BY_EVENT | (2 << RANK_SHIFT) | MESSAGES;

/** The side, given the side of the event that the key stands in. */
export function sideOf(carrier: Carrier, event: Side | undefined): Side | undefined {
  const side = carrier & SIDE;
  if (side === BY_EVENT) return event;
  return side === INPUT ? "input" : side === OUTPUT ? "output" : undefined;
}

export const rankOf = (carrier: Carrier): number => (carrier >> RANK_SHIFT) & RANK;
export const isReason = (carrier: Carrier): boolean => (carrier & REASON) !== 0;
/** JSON in it is always messages around the words, never the words themselves. */
export const isMessages = (carrier: Carrier): boolean => (carrier & MESSAGES) !== 0;

const latin1 = new TextDecoder("latin1");

/** Whether the event of this name carries prompts or completions. */
export function isContentEvent(data: Uint8Array, start: number, end: number): boolean {
  if (!eventLengths.has(end - start) || data[start + 6] !== 0x2e) return false;
  return events.has(latin1.decode(data.subarray(start, end)));
}

/** Whose words the content event of this name carries; undefined if its own keys say. */
export function eventSide(data: Uint8Array, start: number, end: number): Side | undefined {
  const side = events.get(latin1.decode(data.subarray(start, end)));
  return side === "own" ? undefined : side;
}

/** Whether a span that has this attribute is a call of a model. */
export function marksModelCall(key: string): boolean {
  return modelCallKeys.has(key) || key.startsWith("gen_ai.usage.") || key.startsWith("llm.token_count.");
}

const modelCallKeys: ReadonlySet<string> = new Set([
  "gen_ai.request.model",
  "gen_ai.response.model",
  "gen_ai.request.id",
  "llm.model_name",
  "llm.request.type",
  "ai.model.id",
]);

function entryOf(key: string): (typeof carriers)[number] | undefined {
  const found = exact.get(key);
  if (found !== undefined || plainKeys.has(key)) return found;
  return prefixes.find(([prefix]) => key.startsWith(prefix))?.[1];
}
