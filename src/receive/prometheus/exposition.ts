// A page of metrics as exporters print it: Prometheus text 0.0.4 and OpenMetrics 1.0, parsed into families.
// Lenient as Prometheus is where engines are sloppy (order, missing TYPE, blank lines), and a bad line never spoils the page.

export type FamilyType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

export interface Sample {
  /** Full name as printed, with `_bucket`, `_sum`, `_count` or `_total`. */
  readonly name: string;
  /** As printed, in the order of the page. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
  /** Unix milliseconds, if the page gives one. */
  readonly timestampMs?: number;
  /** When the counter began, Unix milliseconds, if the sender says it of this very sample. */
  readonly startMs?: number;
  readonly exemplars?: readonly Exemplar[];
}

export interface Exemplar {
  /** `trace_id` and `span_id` are links to a trace, the others are kept as attributes. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
  /** Unix milliseconds; 0: that of its sample. */
  readonly timestampMs: number;
}

export interface Family {
  /** Name in the TYPE line (OpenMetrics: without `_total`). */
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly unit: string;
  readonly samples: Sample[];
}

export interface Page {
  readonly families: readonly Family[];
  readonly samples: number;
  /** Lines that could not be read, the first few with their number. */
  readonly badLines: number;
  readonly problems: readonly string[];
}

export interface PageLimits {
  readonly samplesMax: number;
  readonly labelsMax: number;
  readonly labelBytesMax: number;
}

const problemsMax = 5;
const suffixes = ["_bucket", "_sum", "_count", "_total", "_created", "_info"];

/** Parses a page. Never throws; what exceeds a limit counts as a bad line and is named. */
export function parseExposition(text: string, limits: PageLimits): Page {
  const families = new Map<string, { -readonly [K in keyof Family]: Family[K] }>();
  const problems: string[] = [];
  let badLines = 0;
  let samples = 0;

  const familyNamed = (name: string) => {
    let family = families.get(name);
    if (family === undefined) {
      family = { name, type: "untyped", help: "", unit: "", samples: [] };
      families.set(name, family);
    }
    return family;
  };
  const familyOf = (sample: string) => {
    const exact = families.get(sample);
    if (exact !== undefined) return exact;
    for (const suffix of suffixes) {
      if (!sample.endsWith(suffix)) continue;
      const family = families.get(sample.slice(0, -suffix.length));
      if (family !== undefined && belongs(family.type, suffix)) return family;
    }
    return familyNamed(sample);
  };

  let number = 0;
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line = text.slice(start, text.charCodeAt(end - 1) === 13 ? end - 1 : end);
    start = end + 1;
    number += 1;
    if (line === "" || line.trim() === "") continue;
    if (line.startsWith("#")) {
      if (line === "# EOF") break;
      readComment(line, familyNamed);
      continue;
    }
    const sample = samples >= limits.samplesMax ? `more than ${limits.samplesMax} samples` : readSample(line, limits);
    if (typeof sample === "string") {
      badLines += 1;
      if (problems.length < problemsMax) problems.push(`line ${number}: ${sample}`);
      continue;
    }
    samples += 1;
    familyOf(sample.name).samples.push(sample);
  }
  return { families: [...families.values()].filter((f) => f.samples.length > 0), samples, badLines, problems };
}

function belongs(type: FamilyType, suffix: string): boolean {
  switch (type) {
    case "histogram":
      return suffix === "_bucket" || suffix === "_sum" || suffix === "_count" || suffix === "_created";
    case "summary":
      return suffix === "_sum" || suffix === "_count" || suffix === "_created";
    case "counter":
      return suffix === "_total" || suffix === "_created";
    case "gauge":
      return suffix === "_info";
    default:
      return false;
  }
}

function readComment(
  line: string,
  familyNamed: (name: string) => { type: FamilyType; help: string; unit: string },
): void {
  const match = /^#\s+(TYPE|HELP|UNIT)\s+(\S+)\s*(.*)$/.exec(line);
  if (match === null) return;
  const [, keyword, name, rest] = match as unknown as [string, string, string, string];
  const family = familyNamed(name);
  if (keyword === "HELP") family.help = rest.replaceAll("\\n", "\n").replaceAll("\\\\", "\\");
  else if (keyword === "UNIT") family.unit = rest;
  else family.type = typeOf(rest.trim());
}

function typeOf(word: string): FamilyType {
  switch (word) {
    case "counter":
    case "gauge":
    case "histogram":
    case "summary":
      return word;
    case "info":
    case "stateset":
      return "gauge";
    default:
      return "untyped";
  }
}

/** One sample line, or what is wrong with it. Exemplars (`# {…}` at the end, OpenMetrics) are passed over. */
function readSample(line: string, limits: PageLimits): Sample | string {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:.]*/.exec(line)?.[0];
  if (name === undefined) return "does not begin with a metric name";
  let at = name.length;
  const labels: (readonly [string, string])[] = [];
  while (line[at] === " " || line[at] === "\t") at++;
  if (line[at] === "{") {
    const after = readLabels(line, at + 1, labels, limits);
    if (typeof after === "string") return after;
    at = after;
  }
  const rest = line.slice(at);
  const exemplar = rest.indexOf(" # ");
  const words = (exemplar < 0 ? rest : rest.slice(0, exemplar)).trim().split(/\s+/);
  if (words[0] === undefined || words[0] === "" || words.length > 2)
    return "does not end in a value and an optional timestamp";
  const value = readNumber(words[0]);
  if (value === undefined) return `"${words[0].slice(0, 40)}" is not a number`;
  if (words[1] === undefined) return { name, labels, value };
  const stamp = Number(words[1]);
  if (!Number.isFinite(stamp)) return `"${words[1].slice(0, 40)}" is not a timestamp`;
  // Text format has whole milliseconds, OpenMetrics seconds with a fraction; no date lies in both ranges.
  return { name, labels, value, timestampMs: Math.abs(stamp) < 1e11 ? Math.round(stamp * 1000) : stamp };
}

function readLabels(
  line: string,
  from: number,
  labels: (readonly [string, string])[],
  limits: PageLimits,
): number | string {
  let at = from;
  const label = /\s*([a-zA-Z_][a-zA-Z0-9_.]*)\s*=\s*"/y;
  for (;;) {
    while (line[at] === " " || line[at] === ",") at++;
    if (line[at] === "}") return at + 1;
    label.lastIndex = at;
    const match = label.exec(line);
    if (match === null) return 'has labels that are not name="value"';
    at = label.lastIndex;
    const close = closingQuote(line, at);
    if (close < 0) return "has a label value without its closing quote";
    if (close - at > limits.labelBytesMax) return `has a label value longer than ${limits.labelBytesMax}`;
    if (labels.length >= limits.labelsMax) return `has more than ${limits.labelsMax} labels`;
    const raw = line.slice(at, close);
    labels.push([match[1]!, raw.includes("\\") ? unquoted(raw) : raw]);
    at = close + 1;
  }
}

function closingQuote(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    const char = line.charCodeAt(at);
    if (char === 34) return at;
    if (char === 92) at++;
  }
  return -1;
}

function unquoted(raw: string): string {
  return raw.replace(/\\([\\"n])/g, (_, char: string) => (char === "n" ? "\n" : char));
}

/** Go's ParseFloat as far as exporters use it: decimal, exponent, Inf, NaN. */
function readNumber(word: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(word))
    return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(word)) return Number.NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : undefined;
}
