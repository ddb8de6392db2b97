// Two sides of what is stored, compared: requests one by one where spans tell of them, else minutes of metrics, and probes.
import { setImmediate as pause } from "node:timers/promises";
import { isOfOthers } from "../model/change.ts";
import type { CannotCompare, ComparedSide, CompareRequest, Comparison } from "../model/comparison.ts";
import type { Entity } from "../model/entity.ts";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { RequestHistory, SideQuery, StoredRequest, StoredRequests } from "../model/ports/request-history.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { TimeRange } from "../model/time.ts";
import { byText } from "../promql/order.ts";
import { confounders } from "./confounders.ts";
import { decide } from "./decide.ts";
import { createGpuBook, type GpuBook } from "./gpus.ts";
import {
  knowsBatch,
  type Measure,
  metricMeasures,
  probeMeasure,
  requestMeasures,
  type SideMetrics,
  throughputMeasure,
  toldBy,
} from "./measures.ts";
import { type BySlot, slotOf, slotsOfMetric } from "./minutes.ts";
import { ownerKey, ownersOf } from "./owners.ts";
import { probeScores } from "./probe-scores.ts";
import { type NoSide, type Side, sideOf } from "./side.ts";
import { together } from "./words.ts";

export interface CompareDeps {
  readonly requests: RequestHistory;
  /** Canonical signals of stored metrics; of a side, made of that side's series alone. */
  readonly series: (side?: SideQuery) => SeriesSource;
  /** Where probes' scores are: in memory, the last half hour. */
  readonly probes: SeriesSource;
  readonly entities: () => readonly Entity[];
  readonly changes: ChangeLog;
  readonly telemetry: Telemetry;
}

/** Requests read of a side: more say nothing that blocks of time do not limit. */
const requestsMax = 20_000;

/** Rejects as the store does. */
export async function compare(request: CompareRequest, deps: CompareDeps): Promise<Comparison | CannotCompare> {
  const { range, margin = 0.05 } = request;
  const gpus = createGpuBook(deps.entities());
  const [a, b] = [sideOf(request.a, gpus), sideOf(request.b, gpus)];
  const mistakes = mistakesOf(a, b);
  if (mistakes.length > 0) return { mistakes };
  const [sideA, sideB] = [a as Side, b as Side];

  const stored = await deps.requests.requests(sideA.query, sideB.query, range, requestsMax);
  const requests = toldBy(stored.requests);
  const notes: string[] = [];
  const series = readings(deps, range, notes);
  const running = await series(undefined, "llm:requests_running");
  const fromRequests = requestMeasures(requests, running, slotOf(range));
  const hasRequests = [false, true].every((isB) => requests.some((one) => one.isB === isB));
  const metrics = await metricsOfSides([sideA, sideB], series, requests, running, hasRequests, notes);
  const measures: Measure[] = [
    ...(hasRequests ? fromRequests : metricMeasures(metrics.a, metrics.b)),
    throughputMeasure(metrics.a, metrics.b, gpus),
    probeMeasure(await probeScores(deps, [sideA, sideB], requests, range)),
  ];
  const present = measures.filter(({ rows }) => rows.length > 0);
  const compared = await decide(present, margin, () => pause());
  const facts = { requests, metrics, gpus };
  const views = { a: viewOf(sideA, false, stored, facts), b: viewOf(sideB, true, stored, facts) };
  const chosen = new Set([...sideA.names, ...sideB.names]);
  const changes = await deps.changes.within(range);
  return {
    range,
    ...views,
    ...together(compared),
    measures: compared,
    confounders: confounders({
      ...views,
      chosen,
      requests,
      running: { a: metrics.a.running, b: metrics.b.running },
      measures: compared,
      changes: changes.filter(isOfOthers),
    }),
    notes: [...notes, ...notesOf(stored, requests, measures, gpus, metrics)],
  };
}

export function cannot(answer: Comparison | CannotCompare): answer is CannotCompare {
  return "mistakes" in answer;
}

type Readings = (side: SideQuery | undefined, metric: string) => Promise<BySlot>;

/** A metric that cannot be read (too many points) is left out, and that is said. */
function readings(deps: CompareDeps, range: TimeRange, notes: string[]): Readings {
  return async (side, metric) => {
    try {
      return await slotsOfMetric(deps.series(side), metric, range);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      deps.telemetry.log.warn("compare: a metric cannot be read", { metric, error: String(error) });
      const note = `${metric} cannot be read: ${error.message}`;
      if (!notes.includes(note)) notes.push(note);
      return new Map();
    }
  };
}

interface MetricsOfSides {
  readonly a: SideMetrics;
  readonly b: SideMetrics;
}

/**
 * By the attributes of metrics themselves; where engines' metrics do not say what spans do (a scraped page knows no version),
 * a replica's minutes go to the side whose requests it had in them.
 */
async function metricsOfSides(
  sides: readonly [Side, Side],
  series: Readings,
  requests: readonly StoredRequest[],
  running: BySlot,
  hasRequests: boolean,
  notes: string[],
): Promise<MetricsOfSides> {
  const [a, b] = [await metricsOf(sides[0], series, hasRequests), await metricsOf(sides[1], series, hasRequests)];
  const missing = a.generated.size === 0 || b.generated.size === 0;
  if (!missing || !hasRequests) return { a, b };
  const all = await series(undefined, "llm:generated_tokens:rate");
  if (all.size === 0) return { a, b };
  notes.push(
    "engines' metrics do not say which side they are of: a replica's minutes count for the side whose requests it had",
  );
  const owners = ownersOf(requests);
  const part = (metric: BySlot, isB: boolean): BySlot =>
    new Map(
      [...metric].map(([replica, slots]) => [
        replica,
        new Map([...slots].filter(([at]) => owners.get(ownerKey(at, replica)) === (isB ? "b" : "a"))),
      ]),
    );
  return {
    a: { ...a, generated: part(all, false), running: part(running, false) },
    b: { ...b, generated: part(all, true), running: part(running, true) },
  };
}

async function metricsOf({ query }: Side, series: Readings, hasRequests: boolean): Promise<SideMetrics> {
  const read = (metric: string): Promise<BySlot> => series(query, metric);
  const none: BySlot = new Map();
  return {
    generated: await read("llm:generated_tokens:rate"),
    running: await read("llm:requests_running"),
    ttft: hasRequests ? none : await read("llm:ttft_seconds:p95"),
    itl: hasRequests ? none : await read("llm:itl_seconds:p95"),
    promptLength: hasRequests ? none : await read("llm:prompt_length_tokens:mean"),
    outputLength: hasRequests ? none : await read("llm:output_length_tokens:mean"),
  };
}

interface SideFacts {
  readonly requests: readonly StoredRequest[];
  readonly metrics: MetricsOfSides;
  readonly gpus: GpuBook;
}

function viewOf(
  side: Side,
  isB: boolean,
  stored: StoredRequests,
  { requests, metrics, gpus }: SideFacts,
): ComparedSide {
  const own = requests.filter((one) => one.isB === isB);
  const distinct = (pick: (one: StoredRequest) => string): readonly string[] =>
    [...new Set(own.map(pick))].filter((value) => value !== "").toSorted(byText);
  const nodes = distinct(({ node }) => node);
  const measured = measuredIn(isB ? metrics.b : metrics.a);
  return {
    label: side.label,
    requests: isB ? stored.totalB : stored.totalA,
    replicas: own.length > 0 ? distinct(({ replica }) => replica) : measured.toSorted(byText),
    models: distinct(({ model }) => model),
    gpus: [...new Set(nodes.flatMap((node) => gpus.on(node)))].toSorted(byText),
    nodes,
    versions: distinct(({ version }) => version),
  };
}

/** Replicas that have minutes: one may be known without any on this side. */
function measuredIn({ generated }: SideMetrics): readonly string[] {
  return [...generated].flatMap(([replica, minutes]) => (minutes.size > 0 ? [replica] : []));
}

function notesOf(
  { totalA, totalB, ofBoth, requests: all }: StoredRequests,
  used: readonly StoredRequest[],
  measures: readonly Measure[],
  gpus: GpuBook,
  metrics: MetricsOfSides,
): readonly string[] {
  const notes: string[] = [];
  if (ofBoth > 0) notes.push(`${ofBoth} requests are of both sides and left out: choose sides that do not overlap`);
  if (Math.max(totalA, totalB) > requestsMax)
    notes.push(
      `every request is counted, and about ${requestsMax.toLocaleString("en")} a side, chosen by the hash of their spans, are compared`,
    );
  if (used.length < all.length)
    notes.push("engines tell of the requests themselves, so what callers told of them is left out");
  for (const measure of measures) {
    const { rows, title, source } = measure;
    if (rows.length === 0) notes.push(`${title}: nothing tells of it for either side`);
    else if (measure.measure === "itl" && !knowsBatch(measure))
      notes.push(
        "the batch is not known (no series of running requests of these replicas): inter-token latency is not at equal batch",
      );
    else if (source === "probes") notes.push("probe scores are those of the last half hour");
  }
  const measured = new Set([...measuredIn(metrics.a), ...measuredIn(metrics.b)]);
  const unknown = [...measured].filter((replica) => gpus.of(replica) === undefined).length;
  if (unknown > 0)
    notes.push(
      `GPUs of ${unknown} replica${unknown === 1 ? " is" : "s are"} not known: tokens per second count as of one GPU each`,
    );
  return notes;
}

function mistakesOf(a: Side | NoSide, b: Side | NoSide): CannotCompare["mistakes"] {
  const mistakes: { parameter: "a" | "b"; detail: string }[] = [];
  if ("mistake" in a) mistakes.push({ parameter: "a", detail: a.mistake });
  if ("mistake" in b) mistakes.push({ parameter: "b", detail: b.mistake });
  if (!("mistake" in a) && !("mistake" in b) && JSON.stringify(a.query) === JSON.stringify(b.query))
    mistakes.push({ parameter: "b", detail: "is the same side as a; name another" });
  return mistakes;
}
