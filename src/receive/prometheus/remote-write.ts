// Prometheus remote write 1.0: series as a Prometheus or its agent sends them, turned into an OTLP metrics request.
// Senders shard by series, so the buckets of one histogram may come in different requests: every series is kept as it came
// (`x_bucket{le="…"}` as a counter), which PromQL understands, and none is put together from parts that may be missing.
import type { Labels } from "../../model/labels.ts";
import { isCounter, targetResource } from "../../model/prometheus.ts";
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
import type { Exemplar, Family, FamilyType } from "./exposition.ts";
import type { StartTimes } from "./start-times.ts";
import { pageToOtlp, seriesKey } from "./to-otlp.ts";

export interface RemoteWrite {
  /** OTLP requests, one for each `job` and `instance` in the request. */
  readonly requests: readonly Uint8Array[];
  readonly samples: number;
  /** Native histograms, which 1.0 senders may add and nothing here keeps. */
  readonly unsupported: number;
  /** Samples of a replica that is not listened to now. */
  readonly duplicates: number;
}

export interface RemoteWriteState {
  /** Types by metric family, from the metadata senders repeat every minute. Bounded. */
  readonly types: Map<string, { readonly type: FamilyType; readonly help: string; readonly unit: string }>;
  readonly starts: StartTimes;
  /** Whether this replica of a pair is listened to; see {@link createHaTracker}. */
  readonly accepts: (cluster: string, replica: string) => boolean;
}

export interface WireSeries {
  name: string;
  labels: (readonly [string, string])[];
  samples: WireSample[];
}

export interface WireSample {
  value: number;
  timestampMs: number;
  startMs?: number;
  exemplars?: readonly Exemplar[];
}

const typesMax = 20_000;
export const samplesMax = 100_000;
/** By the number both versions of the protocol give them. */
export const familyTypes: readonly FamilyType[] = [
  "untyped",
  "counter",
  "gauge",
  "histogram",
  "untyped",
  "summary",
  "gauge",
  "gauge",
];
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes a decompressed WriteRequest. Throws Malformed or TooLarge as every decoder here does. */
export function remoteWriteToOtlp(body: Uint8Array, state: RemoteWriteState): RemoteWrite {
  const wire = wireOf(body);
  const series: WireSeries[] = [];
  let samples = 0;
  let unsupported = 0;
  while (wire.pos < body.length) {
    const tag = readTag(wire, body.length);
    if (tag === ((1 << 3) | 2)) {
      const end = readEnd(wire, body.length);
      const one: WireSeries = { name: "", labels: [], samples: [] };
      unsupported += readSeries(wire, end, one);
      samples += one.samples.length;
      if (samples > samplesMax)
        throw tooLarge(`more than ${samplesMax} samples in one request; lower max_samples_per_send`);
      if (one.name === "") throw malformed("a series has no __name__ label");
      series.push(one);
    } else if (tag === ((3 << 3) | 2)) {
      readMetadata(wire, readEnd(wire, body.length), state);
    } else {
      skip(wire, tag, body.length);
    }
  }
  const { requests, duplicates } = seriesToOtlp(series, state);
  return { requests, samples, unsupported, duplicates };
}

/** Series of either version as OTLP requests, those of a replica that is not listened to left out. */
export function seriesToOtlp(
  series: readonly WireSeries[],
  state: RemoteWriteState,
): { readonly requests: readonly Uint8Array[]; readonly duplicates: number; readonly exemplars: number } {
  const listened = new Map<string, boolean>();
  const taken: WireSeries[] = [];
  let duplicates = 0;
  let exemplars = 0;
  for (const one of series) {
    if (!fromListened(one, state, listened)) {
      duplicates += one.samples.length;
      continue;
    }
    taken.push(one);
    for (const sample of one.samples) exemplars += sample.exemplars?.length ?? 0;
  }
  return { requests: byTarget(taken, state), duplicates, exemplars };
}

/** Asked once a replica and request, so that a failover never splits one. Takes `__replica__` off the series. */
function fromListened(series: WireSeries, state: RemoteWriteState, asked: Map<string, boolean>): boolean {
  const replica = labelOf(series, "__replica__");
  if (replica === "") return true;
  const cluster = labelOf(series, "cluster");
  series.labels = series.labels.filter(([name]) => name !== "__replica__");
  const key = JSON.stringify([cluster, replica]);
  const known = asked.get(key) ?? state.accepts(cluster, replica);
  asked.set(key, known);
  return known;
}

/** Fills `into`; returns how many native histograms were passed over. */
function readSeries(wire: Wire, end: number, into: WireSeries): number {
  let unsupported = 0;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    const field = tag >>> 3;
    if ((tag & 7) !== 2 || field > 4) {
      skip(wire, tag, end);
      continue;
    }
    const stop = readEnd(wire, end);
    if (field === 1) readLabel(wire, stop, into);
    else if (field === 2) readSample(wire, stop, into);
    else if (field === 4) unsupported += 1;
    wire.pos = stop;
  }
  return unsupported;
}

function readLabel(wire: Wire, end: number, into: WireSeries): void {
  let name = "";
  let value = "";
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 10) name = readText(wire, end);
    else if (tag === 18) value = readText(wire, end);
    else skip(wire, tag, end);
  }
  if (name === "__name__") into.name = value;
  else if (name !== "") into.labels.push([name, value]);
}

function readSample(wire: Wire, end: number, into: WireSeries): void {
  let value = 0;
  let timestampMs = 0;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 9) value = wire.view.getFloat64(takeFixed64(wire, end), true);
    else if (tag === 16) {
      readVarint64(wire, end);
      timestampMs = wire.high * 4294967296 + (wire.low >>> 0);
    } else skip(wire, tag, end);
  }
  into.samples.push({ value, timestampMs });
}

function readMetadata(wire: Wire, end: number, state: RemoteWriteState): void {
  let type = 0;
  let family = "";
  let help = "";
  let unit = "";
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 8) type = readVarint(wire, end);
    else if (tag === 18) family = readText(wire, end);
    else if (tag === 34) help = readText(wire, end);
    else if (tag === 42) unit = readText(wire, end);
    else skip(wire, tag, end);
  }
  noteType(state, family, { type: familyTypes[type] ?? "untyped", help, unit });
}

export function noteType(
  { types }: RemoteWriteState,
  family: string | undefined,
  facts: { readonly type: FamilyType; readonly help: string; readonly unit: string },
): void {
  if (family !== undefined && family !== "" && (types.size < typesMax || types.has(family))) types.set(family, facts);
}

export function readText(wire: Wire, end: number): string {
  const stop = readEnd(wire, end);
  const from = wire.pos;
  wire.pos = stop;
  try {
    return utf8.decode(wire.data.subarray(from, stop));
  } catch {
    throw malformed(`text at byte ${from} is not UTF-8`);
  }
}

function byTarget(series: readonly WireSeries[], state: RemoteWriteState): readonly Uint8Array[] {
  const targets = new Map<string, { resource: Labels; families: Map<string, Family>; starts: StartTimes }>();
  for (const one of series) {
    const job = labelOf(one, "job");
    const instance = labelOf(one, "instance");
    const key = seriesKey("", [
      ["job", job],
      ["instance", instance],
    ]);
    let target = targets.get(key);
    if (target === undefined) {
      target = { resource: targetResource(job, instance), families: new Map(), starts: startsOf(state.starts, key) };
      targets.set(key, target);
    }
    let family = target.families.get(one.name);
    if (family === undefined) {
      family = familyFor(one.name, state);
      target.families.set(one.name, family);
    }
    const labels = one.labels.filter(([name]) => name !== "job" && name !== "instance");
    for (const sample of one.samples) family.samples.push({ name: one.name, labels, ...sample });
  }
  return [...targets.values()].map(({ resource, families, starts }) =>
    pageToOtlp({ families: [...families.values()], resource, atMs: 0, starts }),
  );
}

/** Two targets have series of the same labels once `job` and `instance` are taken off; their starts are their own. */
function startsOf(starts: StartTimes, target: string): StartTimes {
  return {
    startOf: (series, ...rest) => starts.startOf(target + series, ...rest),
    sweep: starts.sweep,
    get size() {
      return starts.size;
    },
  };
}

function labelOf(series: WireSeries, name: string): string {
  return series.labels.find(([key]) => key === name)?.[1] ?? "";
}

/** A single series' kind: by metadata of its family, else by its name. */
function familyFor(name: string, { types }: RemoteWriteState): Family {
  const part = /^(.+)_(bucket|count|sum)$/.exec(name);
  const whole = types.get(name) ?? types.get(name.replace(/_total$/, ""));
  const parent = part === null ? undefined : types.get(part[1]!);
  const isPart = parent?.type === "histogram" || parent?.type === "summary";
  const counter = isCounter(name, (family) => types.get(family)?.type);
  const known = whole ?? (isPart ? parent : undefined);
  return { name, type: counter ? "counter" : "gauge", help: known?.help ?? "", unit: known?.unit ?? "", samples: [] };
}
