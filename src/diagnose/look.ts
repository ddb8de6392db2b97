// Looking at the world through a failure mode's symptoms: what is there, what is not, and what cannot be told.
import type { Anomaly } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { CodeHistory } from "../model/ports/code-history.ts";
import type { LogRecord, LogSource } from "../model/ports/log-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { ofRequests } from "./attributes/look-requests.ts";
import { changesBefore, ofCode } from "./look-at-code.ts";
import type { Queries } from "./queries.ts";
import type { Finding, Scene } from "./scene.ts";
import { sentence } from "./words.ts";

/** Whether a symptom shows on an entity. Pure: all that had to be fetched was fetched before. */
export type Look = (spec: SymptomSpec, entity: EntityId) => Finding;

export interface Looker {
  /** Asks what `specs` need, once a step for all who want it. */
  look(scene: Scene, specs: readonly SymptomSpec[]): Promise<Look>;
}

/** A symptom that comes and goes within this is still there: preemptions come in bursts. */
const flickerMs = 60_000;
const logLimit = 50;

export function createLooker(
  modes: readonly FailureMode[],
  queries: Queries,
  logs: LogSource,
  telemetry: Telemetry,
  code?: CodeHistory,
): Looker {
  const specs = modes.flatMap((mode) => [...mode.symptoms, ...mode.discriminators]);
  const texts = new Set(specs.flatMap(({ source }) => (source.kind === "log" ? [source.contains] : [])));
  const logMs = Math.max(0, ...specs.map(({ source }) => (source.kind === "log" ? source.withinMs : 0)));
  /** When each query was last true of an entity, and with which value: at most queries x entities seen within flickerMs. */
  const seen = new Map<string, Map<EntityId, { readonly at: Instant; readonly value: number }>>();
  let askedAt = Number.NEGATIVE_INFINITY;
  let asked = new Set<string>();
  let failed = new Set<string>();
  let logged: ReadonlyMap<string, readonly LogRecord[]> | undefined;

  /** A query serves every incident of a step, and is not asked before a mode is in question that it tells something of. */
  async function ask(at: Instant, wanted: readonly SymptomSpec[]): Promise<void> {
    if (at !== askedAt) {
      askedAt = at;
      asked = new Set();
      failed = new Set();
      logged = await searchLogs(at);
    }
    for (const { source } of wanted) {
      if (source.kind !== "expr" || asked.has(source.expr)) continue;
      const { expr } = source;
      asked.add(expr);
      const values = await queries.byEntity(expr, at);
      if (values === undefined) failed.add(expr);
      const recent = seen.get(expr) ?? new Map<EntityId, { at: Instant; value: number }>();
      for (const [entity, before] of recent) if (at - before.at > flickerMs || before.at > at) recent.delete(entity);
      for (const [entity, value] of values ?? []) recent.set(entity, { at, value });
      seen.set(expr, recent);
    }
  }

  /** Records by text; undefined: logs do not answer. */
  async function searchLogs(at: Instant): Promise<ReadonlyMap<string, readonly LogRecord[]> | undefined> {
    const contains = [...texts];
    try {
      const records = await logs.search({ contains, range: { from: at - logMs, to: at + 1 }, limit: logLimit });
      return new Map(contains.map((text) => [text, records.filter(({ body }) => body.includes(text))]));
    } catch (error) {
      telemetry.count("homeostat.diagnose.query_errors");
      telemetry.log.error("logs cannot be searched", { error: String(error) });
      return undefined;
    }
  }

  return {
    async look(scene, wanted) {
      await ask(scene.at, wanted);
      const anomaliesOf = byWhatAndWhere(scene.anomalies);
      const speakers = new Map<LogRecord, readonly EntityId[]>();
      const speaksOf = (record: LogRecord): readonly EntityId[] => {
        const known = speakers.get(record) ?? scene.topology.namedBy(record);
        speakers.set(record, known);
        return known;
      };
      const lookAt: Look = (spec, entity) => {
        const { source } = spec;
        switch (source.kind) {
          case "expr":
            return ofQuery(spec, entity, scene, seen.get(source.expr)?.get(entity), failed.has(source.expr));
          case "anomaly":
            return ofAnomaly(spec, entity, source, anomaliesOf.get(`${source.signal} ${entity}`), scene);
          case "change":
            return ofChange(spec, entity, source, scene);
          case "code":
            return code === undefined ? { state: "unknown" } : ofCode(spec, entity, source, scene, code);
          case "requests":
            return ofRequests(spec.id, source, entity, scene.topology.entity(entity), scene.attributes);
          case "log":
            return ofLog(spec, entity, source, scene.at, logged?.get(source.contains), speaksOf);
        }
      };
      return (spec, entity) => {
        if (spec.on === undefined) return lookAt(spec, entity);
        const places = scene.topology.related(entity, spec.on);
        return together(
          places.map((place) => lookAt(spec, place)),
          spec.share ?? 0,
        );
      };
    },
  };
}

function byWhatAndWhere(anomalies: readonly Anomaly[]): ReadonlyMap<string, readonly Anomaly[]> {
  const groups = new Map<string, Anomaly[]>();
  for (const anomaly of anomalies) {
    const key = `${anomaly.signal} ${anomaly.entity}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [anomaly]);
    else group.push(anomaly);
  }
  return groups;
}

/** One finding of several places: present on enough of them; unknown where nothing is known of enough of them. */
function together(findings: readonly Finding[], share: number): Finding {
  const present = findings.filter(({ state }) => state === "present");
  const needed = Math.max(1, Math.ceil(share * findings.length));
  if (present.length >= needed) return present[0]!;
  const unknown = findings.filter(({ state }) => state === "unknown").length;
  return { state: findings.length === 0 || present.length + unknown >= needed ? "unknown" : "absent" };
}

function ofQuery(
  spec: SymptomSpec,
  entity: EntityId,
  scene: Scene,
  hit: { readonly at: Instant; readonly value: number } | undefined,
  failed: boolean,
): Finding {
  if (hit === undefined) return { state: failed || !scene.alive.has(entity) ? "unknown" : "absent" };
  const says = sentence(spec.says, entity, hit.value);
  return {
    state: "present",
    evidence: { kind: "signal", says, at: hit.at, entity, subject: spec.id, observed: hit.value },
  };
}

function ofAnomaly(
  spec: SymptomSpec,
  entity: EntityId,
  { signal, direction }: Extract<SymptomSpec["source"], { kind: "anomaly" }>,
  anomalies: readonly Anomaly[] | undefined,
  scene: Scene,
): Finding {
  const found = anomalies?.find(
    (anomaly) => direction === "both" || anomaly.direction === "both" || anomaly.direction === direction,
  );
  if (found === undefined) return { state: scene.silenceTells && scene.alive.has(entity) ? "absent" : "unknown" };
  const { low, high } = found.expected;
  const known = Number.isFinite(low) && Number.isFinite(high);
  return {
    state: "present",
    evidence: {
      kind: "anomaly",
      says: sentence(spec.says, entity, found.observed),
      at: found.onset,
      entity,
      subject: signal,
      observed: found.observed,
      ...(known ? { expected: found.expected } : {}),
      ref: found.id,
    },
  };
}

function ofChange(
  spec: SymptomSpec,
  entity: EntityId,
  { changeKinds, withinMs, matches }: Extract<SymptomSpec["source"], { kind: "change" }>,
  scene: Scene,
): Finding {
  if (scene.changes === undefined) return { state: "unknown" };
  const closest = changesBefore(scene, entity, changeKinds, withinMs).find(
    (change) => matches === undefined || matches.test(textOf(change)),
  );
  if (closest === undefined) return { state: "absent" };
  return {
    state: "present",
    evidence: {
      kind: "change",
      says: `${sentence(spec.says, entity, Number.NaN)}: ${closest.summary}`,
      at: closest.at,
      entity: closest.target,
      subject: closest.kind,
      ref: closest.id,
    },
  };
}

/** What can be read of a change: its sentence, and which facts it replaced. */
function textOf({ summary, before, after }: ChangeEvent): string {
  return [summary, ...Object.keys(after ?? {}), ...Object.keys(before ?? {})].join(" ").slice(0, 2000);
}

function ofLog(
  spec: SymptomSpec,
  entity: EntityId,
  { withinMs, matches }: Extract<SymptomSpec["source"], { kind: "log" }>,
  at: Instant,
  records: readonly LogRecord[] | undefined,
  speaksOf: (record: LogRecord) => readonly EntityId[],
): Finding {
  if (records === undefined) return { state: "unknown" };
  const record = records.find(
    (one) =>
      one.at >= at - withinMs &&
      (matches === undefined || matches.test(one.body.slice(0, 4000))) &&
      (one.entity === entity || speaksOf(one).includes(entity)),
  );
  if (record === undefined) return { state: "absent" };
  return {
    state: "present",
    evidence: { kind: "log", says: sentence(spec.says, entity, Number.NaN), at: record.at, entity, subject: spec.id },
  };
}
