// Prometheus remote write 2.0 (io.prometheus.write.v2.Request): names are numbers into one table of symbols, and a series
// brings its own metadata. It becomes the same series as 1.0, and from there the same rows.
import {
  malformed,
  readEnd,
  readTag,
  readVarint,
  readVarint64,
  skip,
  takeFixed64,
  tooLarge,
  type Wire,
  wireOf,
} from "../wire.ts";
import type { Exemplar } from "./exposition.ts";
import {
  familyTypes,
  noteType,
  type RemoteWrite,
  type RemoteWriteState,
  readText,
  samplesMax,
  seriesToOtlp,
  type WireSample,
  type WireSeries,
} from "./remote-write.ts";

export interface RemoteWrite2 extends RemoteWrite {
  /** Exemplars that go along with a sample. */
  readonly exemplars: number;
  /** What of the request is not stored, and why: native histograms, series that say nothing. The first few by name. */
  readonly refused: readonly string[];
}

interface Series2 extends WireSeries {
  help: string;
  unit: string;
  type: number;
  startMs: number;
  histograms: number;
}

const refusedNamed = 5;
const labelsMax = 200;
/** Characters of labels in one request, symbols counted wherever they are used: a byte can stand for a long one. */
const labelCharactersMax = 64 * 1024 * 1024;

/**
 * Decodes a decompressed Request. A series that is wrong is refused by name and the rest kept. Throws Malformed or TooLarge
 * for what cannot be read at all. Fields by number of `types.proto`, the start time in both its places: that of the series
 * (release candidates up to 3) and that of each sample.
 */
export function remoteWrite2ToOtlp(body: Uint8Array, state: RemoteWriteState): RemoteWrite2 {
  const wire = wireOf(body);
  const symbols = readSymbols(wire);
  const series: WireSeries[] = [];
  const refused: string[] = [];
  const refuse = (text: string): void => void (refused.length < refusedNamed && refused.push(text));
  let samples = 0;
  let unsupported = 0;
  let characters = 0;
  wire.pos = 0;
  while (wire.pos < body.length) {
    const tag = readTag(wire, body.length);
    if (tag !== ((5 << 3) | 2)) {
      skip(wire, tag, body.length);
      continue;
    }
    const end = readEnd(wire, body.length);
    const one = readSeries(wire, end, symbols);
    wire.pos = end;
    if (typeof one === "string") {
      refuse(one);
      continue;
    }
    characters += charactersOf(one);
    if (characters > labelCharactersMax)
      throw tooLarge(`more than ${labelCharactersMax} characters of labels in one request; lower max_samples_per_send`);
    unsupported += one.histograms;
    if (one.histograms > 0)
      refuse(`${JSON.stringify(one.name)} is a native histogram, which is not taken; send classic buckets`);
    samples += one.samples.length;
    if (samples > samplesMax)
      throw tooLarge(`more than ${samplesMax} samples in one request; lower max_samples_per_send`);
    if (one.samples.length === 0) continue;
    noteType(state, familyOf(one), { type: familyTypes[one.type] ?? "untyped", help: one.help, unit: one.unit });
    series.push(one);
  }
  const { requests, duplicates, exemplars } = seriesToOtlp(series, state);
  return { requests, samples: samples - duplicates, unsupported, duplicates, exemplars, refused };
}

/** They may stand anywhere in the message, so they are read first. */
function readSymbols(wire: Wire): readonly string[] {
  const symbols: string[] = [];
  const { length } = wire.data;
  while (wire.pos < length) {
    const tag = readTag(wire, length);
    if (tag === ((4 << 3) | 2)) symbols.push(readText(wire, length));
    else skip(wire, tag, length);
  }
  if (symbols.length > 0 && symbols[0] !== "") throw malformed("the first symbol must be empty");
  return symbols;
}

/** The series, or why it cannot be taken. */
function readSeries(wire: Wire, end: number, symbols: readonly string[]): Series2 | string {
  const one: Series2 = { name: "", labels: [], samples: [], help: "", unit: "", type: 0, startMs: 0, histograms: 0 };
  const exemplars: Exemplar[] = [];
  const refs: number[] = [];
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 48) one.startMs = readInt64(wire, end);
    else if (tag === 8) refs.push(readVarint(wire, end));
    else if ((tag & 7) === 2 && tag >>> 3 <= 5) {
      const stop = readEnd(wire, end);
      if (tag === 10) readRefs(wire, stop, refs);
      else if (tag === 18) one.samples.push(readSample(wire, stop));
      else if (tag === 26) one.histograms++;
      else if (tag === 34) {
        const exemplar = readExemplar(wire, stop, symbols);
        if (exemplar !== undefined) exemplars.push(exemplar);
      } else if (tag === 42) readMetadata(wire, stop, symbols, one);
      wire.pos = stop;
    } else skip(wire, tag, end);
  }
  const labels = labelsOf(refs, symbols);
  if (labels === undefined) return `a series has more than ${labelsMax} labels or refers to symbols that are not there`;
  one.name = labels.find(([name]) => name === "__name__")?.[1] ?? "";
  if (one.name === "") return "a series has no __name__ label";
  one.labels = labels.filter(([name]) => name !== "__name__" && name !== "");
  for (const sample of one.samples) if (sample.startMs === undefined && one.startMs > 0) sample.startMs = one.startMs;
  const last = one.samples.at(-1);
  if (last !== undefined && exemplars.length > 0) last.exemplars = exemplars;
  return one;
}

function readRefs(wire: Wire, end: number, into: number[]): void {
  while (wire.pos < end) into.push(readVarint(wire, end));
}

function labelsOf(refs: readonly number[], symbols: readonly string[]): (readonly [string, string])[] | undefined {
  if (refs.length % 2 !== 0 || refs.length > labelsMax * 2) return undefined;
  const labels: (readonly [string, string])[] = [];
  for (let i = 0; i < refs.length; i += 2) {
    const name = symbols[refs[i]!];
    const value = symbols[refs[i + 1]!];
    if (name === undefined || value === undefined) return undefined;
    labels.push([name, value]);
  }
  return labels;
}

function charactersOf({ labels, samples }: WireSeries): number {
  const pairs = [
    labels,
    ...samples.flatMap(({ exemplars = [] }) => exemplars.map((exemplar) => exemplar.labels)),
  ].flat();
  return pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

function readSample(wire: Wire, end: number): WireSample {
  const sample: WireSample = { value: 0, timestampMs: 0 };
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 9) sample.value = wire.view.getFloat64(takeFixed64(wire, end), true);
    else if (tag === 16) sample.timestampMs = readInt64(wire, end);
    else if (tag === 24) {
      const startMs = readInt64(wire, end);
      // Zero says that there is none.
      if (startMs > 0) sample.startMs = startMs;
    } else skip(wire, tag, end);
  }
  return sample;
}

/** Undefined for one whose labels are not there. */
function readExemplar(wire: Wire, end: number, symbols: readonly string[]): Exemplar | undefined {
  const refs: number[] = [];
  let value = 0;
  let timestampMs = 0;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 10) {
      const stop = readEnd(wire, end);
      readRefs(wire, stop, refs);
    } else if (tag === 8) refs.push(readVarint(wire, end));
    else if (tag === 17) value = wire.view.getFloat64(takeFixed64(wire, end), true);
    else if (tag === 24) timestampMs = readInt64(wire, end);
    else skip(wire, tag, end);
  }
  const labels = labelsOf(refs, symbols);
  return labels === undefined ? undefined : { labels, value, timestampMs };
}

function readMetadata(wire: Wire, end: number, symbols: readonly string[], into: Series2): void {
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 8) into.type = readVarint(wire, end);
    else if (tag === 24) into.help = symbols[readVarint(wire, end)] ?? "";
    else if (tag === 32) into.unit = symbols[readVarint(wire, end)] ?? "";
    else skip(wire, tag, end);
  }
}

/** Metadata is a family's, whose series of a histogram or summary have a suffix. Undefined: it says nothing. */
function familyOf({ name, type }: Series2): string | undefined {
  if (type === 0) return undefined;
  const kind = familyTypes[type];
  return kind === "histogram" || kind === "summary" ? name.replace(/_(bucket|count|sum)$/, "") : name;
}

function readInt64(wire: Wire, end: number): number {
  readVarint64(wire, end);
  return wire.high * 4294967296 + (wire.low >>> 0);
}
