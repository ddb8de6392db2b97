// What an incident was shown stays known while it is open, though the window it was looked for in has moved on.
import type { EntityId } from "../model/entity.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import { type DurationMs, type Instant, parseDuration } from "../model/time.ts";
import type { Look } from "./look.ts";
import type { Finding, Scene } from "./scene.ts";

export interface Recall {
  /** The same look, with what was found before in this incident where looking again cannot take it back. */
  over(look: Look, scene: Scene): Look;
  /** Tells which mode leads now; undefined: none. */
  lead(mode: FailureMode | undefined, at: Instant): void;
}

/** Findings, one an entity and symptom; of an incident with more, the rest is looked up as if for the first time. */
const keptMax = 5000;
/** A cause that has led for so long is settled: evidence that was only late is there by then. */
const settledMs: DurationMs = 2 * 60_000;
/** What a settled cause showed counts for so long after it was last seen; what leads then may be another trouble. */
const stagesMs: DurationMs = 20 * 60_000;

/**
 * Three kinds of evidence are gone from sight while the trouble they show goes on. A log record is written once, at the start, and leaves
 * the window it is searched in. A comparison with some time ago is one of the trouble with itself once the trouble is older than that:
 * what it said last stands then. And a cause has stages: the queue it fills, the cache that overflows next, look like causes of their own,
 * but a cause does not come after its effect; so what a settled cause showed stays with it, and only more than all of that displaces it.
 * What speaks against it is always looked at anew.
 *
 * Forgotten with the incident, and at a restart. Blind to a second trouble that follows the first without two quiet minutes.
 */
export function createRecall(): Recall {
  const kept = new Map<string, { readonly found: Finding; readonly at: Instant }>();
  let leading: { readonly mode: string; readonly since: Instant } | undefined;
  /** Of a settled mode; ids of symptoms are only its own within it. */
  let settled: ReadonlySet<string> = new Set();

  function recalled(spec: SymptomSpec, entity: EntityId, found: Finding, scene: Scene): Finding {
    const symptom = `${spec.id} ${asked(spec)}`;
    const key = `${entity} ${symptom}`;
    if (found.state === "present") {
      if (kept.size < keptMax && !isBlind(spec, scene)) kept.set(key, { found, at: scene.at });
      return found;
    }
    const before = kept.get(key);
    if (before === undefined) return found;
    const stays = spec.source.kind === "log" || isBlind(spec, scene);
    if (stays || (settled.has(symptom) && scene.at - before.at <= stagesMs)) return before.found;
    kept.delete(key);
    return found;
  }

  return {
    over: (look, scene) => (spec, entity) => recalled(spec, entity, look(spec, entity), scene),
    lead(mode, at) {
      if (mode?.id !== leading?.mode) leading = mode === undefined ? undefined : { mode: mode.id, since: at };
      if (mode === undefined || leading === undefined || at - leading.since < settledMs) return;
      settled = new Set(mode.symptoms.map((spec) => `${spec.id} ${asked(spec)}`));
    },
  };
}

/** Whether the trouble is so old that the query compares it with itself. */
function isBlind({ source }: SymptomSpec, { at, onset }: Scene): boolean {
  return source.kind === "expr" && at - onset > reachOf(source.expr);
}

/** Of the catalogue's queries, which bound it. */
const reaches = new Map<string, DurationMs>();

/** How far back the nearest past lies that a query compares with; infinity if with none. */
function reachOf(expr: string): DurationMs {
  const known = reaches.get(expr);
  if (known !== undefined) return known;
  const offsets = [...expr.matchAll(/\boffset\s+(\w+)/g)].map(([, text]) => parseDuration(text!) ?? 0);
  const reach = Math.min(Number.POSITIVE_INFINITY, ...offsets);
  reaches.set(expr, reach);
  return reach;
}

function asked({ source }: SymptomSpec): string {
  return source.kind === "expr" ? source.expr : source.kind === "log" ? source.contains : source.kind;
}
