// Which texts are let in, and how: rules by attribute key, and what holds for prompts, completions and log bodies without one.
import { isContentKey } from "./carriers.ts";
import { defaultAction, type PrivacyAction, statusMessageKey } from "./default-rules.ts";

/** Plain data: it is handed to the decoding thread. */
export interface PrivacyPolicy {
  /** Prompt and completion text in attributes, span events and log records; default `drop`. */
  readonly content?: "keep" | "drop" | "mask";
  /** Bodies of log records; default `mask`. */
  readonly logBodies?: "keep" | "drop" | "mask";
  /**
   * First match wins, before everything else. A key ending in `*` is a prefix. `span.status_message` stands for the
   * message of a span's status.
   */
  readonly rules?: readonly { readonly key: string; readonly action: PrivacyAction }[];
  /** Key of the digests; needed by every rule that says `hash`. With one, ids of people are hashed by default. */
  readonly salt?: string;
}

export interface KeyActions {
  readonly content: PrivacyAction;
  readonly logBodies: PrivacyAction;
  readonly statusMessages: PrivacyAction;
  of(key: string, inContentEvent: boolean): PrivacyAction;
}

/** The policy as a function of keys. Throws if a rule says `hash` and there is no salt: bare digests can be guessed back. */
export function keyActions(policy: PrivacyPolicy): KeyActions {
  const content = policy.content ?? "drop";
  const rules = (policy.rules ?? []).map(({ key, action }) => ({ ...pattern(key), action }));
  const hasSalt = (policy.salt ?? "") !== "";
  if (!hasSalt && rules.some(({ action }) => action === "hash"))
    throw new Error("a privacy rule says hash, but there is no salt; set privacy.salt");
  const actions: Omit<KeyActions, "statusMessages"> = {
    content,
    logBodies: policy.logBodies ?? "mask",
    of(key, inContentEvent) {
      // It names what is watched, and is a column of its own: nothing works without it.
      if (key === "service.name") return "keep";
      const rule = rules.find((each) => matches(each, key));
      if (rule !== undefined) return rule.action;
      return isContentKey(key, inContentEvent) ? content : defaultAction(key, hasSalt);
    },
  };
  return { ...actions, statusMessages: actions.of(statusMessageKey, false) };
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
