// Text that came with telemetry, made harmless and short before it goes into somebody's chat or pager.
import type { Labels } from "../../model/labels.ts";

/** At most `max` UTF-16 units, cut between characters, ending in a mark that tells how many are missing. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text.replace(/\p{Cs}/gu, "\ufffd");
  const mark = ` …[+${text.length - max}]`;
  // Never half of a surrogate pair: JSON would carry it, receivers would not.
  const kept = text.slice(0, Math.max(0, max - mark.length)).replace(/[\ud800-\udbff]$/, "");
  return kept.replace(/\p{Cs}/gu, "\ufffd") + mark;
}

export function clipLabels(labels: Labels, max: number): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, clip(value, max)]));
}

/** One line: newlines and other controls become spaces, direction overrides (which reorder what is read) go. */
export function oneLine(text: string, max: number): string {
  const flat = text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
  return clip(flat.trim(), max);
}

/**
 * Slack's mrkdwn with nothing in it that Slack would act on: `&`, `<` and `>` as Slack asks for, so that no `<!channel>`
 * and no link is left, and an invisible word joiner after the characters that format, so that text reads as it was written.
 */
export function slackText(text: string, max: number): string {
  return escapedWithin(text, max, (flat) =>
    flat
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      // `@channel` typed as plain text pings only where a client links names; a joiner keeps it from being one anywhere.
      .replace(/[*_~`@]/g, (mark) => `${mark}\u2060`),
  );
}

/** Markdown of Teams' adaptive cards: everything that formats, links or mentions is escaped. */
export function cardText(text: string, max: number): string {
  return escapedWithin(text, max, (flat) =>
    flat.replace(/[\\`*_{}[\]()#+!|~>-]/g, (mark) => `\\${mark}`).replaceAll("<", "&lt;"),
  );
}

/** Escaped text of at most `max`: services refuse what is longer, and labels of nothing but `&` must not stop a page. */
function escapedWithin(text: string, max: number, escaping: (flat: string) => string): string {
  for (let limit = max; ; limit = Math.floor(limit * 0.7)) {
    const escaped = escaping(oneLine(text, limit));
    if (escaped.length <= max || limit < 16) return escaped.slice(0, max);
  }
}

/** `alertname="X", pod="p-1"`, as people know it from Prometheus. */
export function labelLine(labels: Labels, skip: readonly string[] = []): string {
  return Object.keys(labels)
    .filter((name) => !skip.includes(name))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(", ");
}

/** Labels all of them share with the same value. */
export function common(sets: readonly Labels[]): Labels {
  const [first, ...rest] = sets;
  if (first === undefined) return {};
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => rest.every((set) => set[name] === value)));
}
