// Thinks an incident through again: its symptoms, changes and series from a bundle, the catalogue of today.
import { createDiagnosis } from "../../diagnose/diagnose.ts";
import type { Alert, Anomaly } from "../../model/anomaly.ts";
import type { FailureMode, SymptomSpec } from "../../model/failure-mode.ts";
import type { Diagnosis, RankedCause } from "../../model/incident.ts";
import type { LogRecord, LogSource } from "../../model/ports/log-source.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import type { SeriesView } from "../../model/series.ts";
import type { Instant } from "../../model/time.ts";
import { compileMatchers } from "../../promql/matcher.ts";
import type { Bundle } from "./bundle.ts";
import { recordedCode } from "./replay-code.ts";

export interface CauseShift {
  readonly failureMode: string;
  readonly title: string;
  /** Undefined: it was no cause. */
  readonly before?: { readonly probability: number; readonly location: string };
  readonly after?: { readonly probability: number; readonly location: string };
}

export interface Replayed {
  readonly incident: string;
  /** Slugs of the first causes; undefined: nothing was diagnosed. */
  readonly before?: string;
  readonly after?: string;
  readonly changed: boolean;
  readonly causes: readonly CauseShift[];
}

const stepMs = 15_000;
const stepsMax = 80;
/** Where nothing was diagnosed then. */
const undiagnosedMs = 5 * 60_000;
const shownFrom = 0.01;

/**
 * Diagnoses at the instants it was diagnosed at then, and every 15 s between. Alerts are as they were; log symptoms are present where
 * a recorded diagnosis saw them or a log finding fits, for lines are in no bundle; what was found in the code is as it was recorded.
 */
export async function replayBundle(bundle: Bundle, modes: readonly FailureMode[]): Promise<Replayed> {
  const { incident, diagnoses } = bundle;
  const diagnose = createDiagnosis(withLogKeys(modes), {
    source: sourceOf(bundle),
    changes: {
      add: () => Promise.resolve(),
      within: ({ from, to }) => Promise.resolve(bundle.changes.filter(({ at }) => at >= from && at < to)),
    },
    logs: logsOf(bundle, modes),
    code: recordedCode(bundle, modes),
    telemetry: silentTelemetry,
  });
  const found: Diagnosis[] = [];
  const overlap = new Map<string, number>();
  for (const at of instants(bundle)) {
    const input = { at, anomalies: anomaliesAt(bundle, at), alerts: alertsAt(bundle, at), entities: bundle.entities };
    const out = await diagnose.step(input);
    for (const { id, symptoms } of out.incidents)
      overlap.set(id, symptoms.filter((symptom) => incident.symptoms.includes(symptom)).length);
    found.push(...out.diagnoses);
  }
  const same = [...overlap].toSorted((a, b) => b[1] - a[1])[0]?.[0];
  const end = endOf(bundle);
  const before = (diagnoses.findLast(({ at }) => at <= end) ?? diagnoses.at(-1))?.causes ?? [];
  const after = found.findLast((one) => one.incident === same)?.causes ?? [];
  const [first, now] = [before[0]?.failureMode, after[0]?.failureMode];
  return {
    incident: incident.id,
    ...(first === undefined ? {} : { before: first }),
    ...(now === undefined ? {} : { after: now }),
    changed: first !== now,
    causes: shiftsOf(before, after),
  };
}

function shiftsOf(before: readonly RankedCause[], after: readonly RankedCause[]): readonly CauseShift[] {
  const likely = [...after, ...before].filter(({ probability }) => probability >= shownFrom);
  return [...new Set(likely.map(({ failureMode }) => failureMode))].map((failureMode) => {
    const [was, is] = [before, after].map((causes) => causes.find((cause) => cause.failureMode === failureMode));
    const place = ({ probability, location, everywhere }: RankedCause) => ({
      probability,
      location: everywhere ?? location,
    });
    return {
      failureMode,
      title: (is ?? was)!.title,
      ...(was === undefined ? {} : { before: place(was) }),
      ...(is === undefined ? {} : { after: place(is) }),
    };
  });
}

/** The last instant there is telemetry of: long incidents are exported at their beginning only. */
function endOf({ incident, series }: Bundle): Instant {
  return series.reduce((end, { times }) => Math.max(end, times.at(-1) ?? end), incident.openedAt);
}

function instants(bundle: Bundle): readonly Instant[] {
  const { incident, diagnoses } = bundle;
  const first = incident.openedAt;
  const told = Math.max(first, diagnoses.at(-1)?.at ?? first + undiagnosedMs);
  const last = Math.min(told, endOf(bundle));
  const step = Math.max(stepMs, Math.ceil((last - first) / stepsMax));
  const all = new Set([
    ...diagnoses
      .map(({ at }) => at)
      .filter((at) => at >= first && at <= last)
      .slice(0, stepsMax),
    last,
  ]);
  for (let at = first; at < last; at += step) all.add(at);
  return [...all].sort((a, b) => a - b);
}

function anomaliesAt({ anomalies }: Bundle, at: Instant): readonly Anomaly[] {
  return anomalies
    .filter(({ onset }) => onset <= at)
    .map(({ endedAt, ...one }) => {
      const { low, high } = one.expected as { readonly low: number | null; readonly high: number | null };
      const expected = { low: low ?? Number.NaN, high: high ?? Number.NaN };
      const now = {
        ...one,
        observed: one.observed ?? Number.NaN,
        expected,
        evidence: one.evidence ?? [],
        lastSeen: at,
      };
      return endedAt !== undefined && endedAt <= at ? { ...now, endedAt } : now;
    });
}

function alertsAt({ alerts }: Bundle, at: Instant): readonly Alert[] {
  return alerts
    .filter(({ activeAt, resolvedAt, state }) => activeAt <= at && (resolvedAt ?? at + 1) > at && state !== "pending")
    .map((one) => ({ ...one, state: "firing" }));
}

function sourceOf({ series }: Bundle): SeriesSource {
  const all = series.map(({ labels, times, values }) => ({
    labels,
    times: Float64Array.from(times),
    values: Float64Array.from(values, (value) =>
      value === "+Inf" ? Number.POSITIVE_INFINITY : value === "-Inf" ? Number.NEGATIVE_INFINITY : Number(value),
    ),
  }));
  return {
    select(matchers, { from, to }) {
      const accepts = compileMatchers(matchers);
      return all.flatMap(({ labels, times, values }): readonly SeriesView[] => {
        if (!accepts(labels)) return [];
        const [lo, hi] = [place(times, from), place(times, to)];
        if (hi <= lo) return [];
        return [{ labels, length: hi - lo, times: times.subarray(lo, hi), values: values.subarray(lo, hi) }];
      });
    },
  };
}

/** Index of the first time at or after `at`. */
function place(times: Float64Array, at: Instant): number {
  let [lo, hi] = [0, times.length];
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (times[middle]! < at) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}

/** Log symptoms are looked up by their own names. */
function withLogKeys(modes: readonly FailureMode[]): readonly FailureMode[] {
  const keyed = <S extends SymptomSpec>(mode: FailureMode, spec: S): S =>
    spec.source.kind === "log"
      ? { ...spec, source: { kind: "log", contains: keyOf(mode, spec), withinMs: spec.source.withinMs } }
      : spec;
  return modes.map((mode) => ({
    ...mode,
    symptoms: mode.symptoms.map((spec) => keyed(mode, spec)),
    discriminators: mode.discriminators.map((spec) => keyed(mode, spec)),
  }));
}

function keyOf(mode: { readonly id: string }, spec: { readonly id: string }): string {
  return `<${mode.id}/${spec.id}>`;
}

function logsOf({ diagnoses, findings }: Bundle, modes: readonly FailureMode[]): LogSource {
  const blank = { service: "", severity: 0, resource: {}, attributes: {} };
  const records: LogRecord[] = [];
  for (const mode of modes) {
    const against = new Set(mode.discriminators.map(({ id }) => id));
    const causes = diagnoses.flatMap((one) => one.causes.filter(({ failureMode }) => failureMode === mode.id));
    // Evidence against that is a symptom's own is that nobody saw it.
    const seen = causes.flatMap((cause) => [
      ...cause.for,
      ...cause.against.filter(({ subject }) => subject !== undefined && against.has(subject)),
    ]);
    for (const { kind, subject = "", at, entity } of seen)
      if (kind === "log" && entity !== undefined)
        records.push({ ...blank, at, entity, body: keyOf(mode, { id: subject }) });
    for (const spec of [...mode.symptoms, ...mode.discriminators]) {
      if (spec.source.kind !== "log") continue;
      const { contains, matches } = spec.source;
      for (const { at, entity, says, template = "", example = "" } of findings) {
        const text = `${says} ${template} ${example}`;
        if (text.includes(contains) && (matches?.test(text.slice(0, 4000)) ?? true))
          records.push({ ...blank, at, entity, body: keyOf(mode, spec) });
      }
    }
  }
  records.sort((a, b) => b.at - a.at);
  return {
    search: ({ contains, range: { from, to }, limit }) => {
      const texts = [contains].flat();
      const inside = records.filter(({ at }) => at >= from && at < to);
      return Promise.resolve(texts.flatMap((text) => inside.filter(({ body }) => body === text).slice(0, limit)));
    },
  };
}
