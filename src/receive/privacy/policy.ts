// Which texts are let in, and how: rules by attribute key, and what holds for prompts, completions and log bodies without one.

/** `drop` leaves only the length, `mask` replaces what looks personal or secret, `hash` leaves a short keyed digest. */
export type PrivacyAction = "keep" | "drop" | "mask" | "hash";

/** Plain data: it is handed to the decoding thread. */
export interface PrivacyPolicy {
  /** Prompt and completion text in attributes, span events and log records; default `drop`. */
  readonly content?: "keep" | "drop" | "mask";
  /** Bodies of log records; default `mask`. */
  readonly logBodies?: "keep" | "drop" | "mask";
  /** First match wins, before everything else. A key ending in `*` is a prefix. */
  readonly rules?: readonly { readonly key: string; readonly action: PrivacyAction }[];
  /** Key of the digests; needed by every rule that says `hash`. */
  readonly salt?: string;
}

/** Attribute keys under which instrumentations send what people and models said. */
const contentKeys = [
  "gen_ai.input.messages",
  "gen_ai.output.messages",
  "gen_ai.system_instructions",
  "gen_ai.tool.definitions",
  "gen_ai.tool.call.arguments",
  "gen_ai.tool.call.result",
  "gen_ai.retrieval.documents",
  "gen_ai.retrieval.query.text",
  "gen_ai.event.content",
  "gen_ai.prompt",
  "gen_ai.prompt.*",
  "gen_ai.completion",
  "gen_ai.completion.*",
  "llm.prompts*",
  "llm.completions*",
  "llm.input_messages*",
  "llm.output_messages*",
  "llm.prompt_template.*",
  "traceloop.entity.input",
  "traceloop.entity.output",
  "input.value",
  "output.value",
].map(pattern);

/** Events whose point is their content. */
const contentEvents: ReadonlySet<string> = new Set([
  "gen_ai.content.prompt",
  "gen_ai.content.completion",
  "gen_ai.system.message",
  "gen_ai.user.message",
  "gen_ai.assistant.message",
  "gen_ai.tool.message",
  "gen_ai.choice",
  "gen_ai.client.inference.operation.details",
]);
const contentEventLengths = new Set([...contentEvents].map((name) => name.length));

/** Attributes of such events that hold it; anywhere else these keys are ordinary words. */
const contentEventKeys: ReadonlySet<string> = new Set([
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

export interface KeyActions {
  readonly content: PrivacyAction;
  readonly logBodies: PrivacyAction;
  of(key: string, inContentEvent: boolean): PrivacyAction;
}

/** The policy as a function of keys. Throws if a rule says `hash` and there is no salt: bare digests can be guessed back. */
export function keyActions(policy: PrivacyPolicy): KeyActions {
  const content = policy.content ?? "drop";
  const rules = (policy.rules ?? []).map(({ key, action }) => ({ ...pattern(key), action }));
  if ((policy.salt ?? "") === "" && rules.some(({ action }) => action === "hash"))
    throw new Error("a privacy rule says hash, but there is no salt; set privacy.salt");
  return {
    content,
    logBodies: policy.logBodies ?? "mask",
    of(key, inContentEvent) {
      // It names what is watched, and is a column of its own: nothing works without it.
      if (key === "service.name") return "keep";
      const rule = rules.find((each) => matches(each, key));
      if (rule !== undefined) return rule.action;
      if (contentKeys.some((each) => matches(each, key))) return content;
      return inContentEvent && contentEventKeys.has(key) ? content : "keep";
    },
  };
}

const latin1 = new TextDecoder("latin1");

/** Whether the event of this name carries prompts or completions. */
export function isContentEvent(data: Uint8Array, start: number, end: number): boolean {
  if (!contentEventLengths.has(end - start) || data[start + 6] !== 0x2e) return false;
  return contentEvents.has(latin1.decode(data.subarray(start, end)));
}

interface Pattern {
  readonly text: string;
  readonly isPrefix: boolean;
}

function pattern(key: string): Pattern {
  return key.endsWith("*") ? { text: key.slice(0, -1), isPrefix: true } : { text: key, isPrefix: false };
}

function matches({ text, isPrefix }: Pattern, key: string): boolean {
  return isPrefix ? key.startsWith(text) : key === text;
}
