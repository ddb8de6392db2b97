// Texts that do not come as telemetry, under the same policy as those that do.
import { maskText } from "./mask.ts";
import { keyActions, type PrivacyPolicy } from "./policy.ts";
import { createRedactor } from "./redactor.ts";

/** What may be kept of a text that has this key; undefined: nothing. */
export type RedactText = (key: string, text: string) => string | undefined;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Throws if the policy cannot be followed; see `keyActions`. */
export function createRedactText(policy: PrivacyPolicy): RedactText {
  const keys = keyActions(policy);
  const { digest } = createRedactor(policy);
  return (key, text) => {
    const action = keys.of(key, false);
    if (action === "drop") return undefined;
    if (action === "keep") return text;
    const bytes = encoder.encode(text);
    if (action === "hash") return digest(bytes);
    const masked = maskText(bytes, 0, bytes.length);
    return masked === undefined ? text : decoder.decode(masked.bytes);
  };
}

/** Secrets and personal data replaced, whatever the policy says of keys: for texts that are shown to others. */
export function createMask(): (text: string) => string {
  return (text) => {
    const bytes = encoder.encode(text);
    const masked = maskText(bytes, 0, bytes.length);
    return masked === undefined ? text : decoder.decode(masked.bytes);
  };
}
