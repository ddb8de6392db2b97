// What is personal or secret in a bundle, replaced by names that stay the same all through it.
import { scanText } from "../../receive/privacy/scan.ts";

export interface Pseudonyms {
  /** The same plain JSON with every text redacted; names of members stay. */
  redact<T>(value: T): T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Members that name people. */
const people: ReadonlySet<string> = new Set(["by", "acceptedBy"]);

/**
 * `10.0.0.7` becomes `[ip-1]` wherever it stands, so that a replica that is named by its address is still one thing in labels, ids and
 * sentences. Finds what the scan of received telemetry finds, and is blind to the same: names of people in sentences, for example.
 */
export function createPseudonyms(): Pseudonyms {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();

  function nameOf(kind: string, text: string): string {
    const key = `${kind} ${text}`;
    const known = names.get(key);
    if (known !== undefined) return known;
    const number = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, number);
    const name = `[${kind}-${number}]`;
    names.set(key, name);
    return name;
  }

  function redactText(text: string): string {
    const bytes = encoder.encode(text);
    let out = "";
    let from = 0;
    for (const { start, end, kind } of scanText(bytes, 0, bytes.length)) {
      out += decoder.decode(bytes.subarray(from, start)) + nameOf(kind, decoder.decode(bytes.subarray(start, end)));
      from = end;
    }
    return from === 0 ? text : out + decoder.decode(bytes.subarray(from));
  }

  function redact(value: unknown, member: string): unknown {
    if (typeof value === "string") return people.has(member) ? nameOf("person", value) : redactText(value);
    if (Array.isArray(value)) return value.map((each) => redact(each, member));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, redact(each, name)]));
  }

  return { redact: <T>(value: T) => redact(value, "") as T };
}
