// What an incident was shown stays known while it is open, though the window it was looked for in has moved on.
import type { EntityId } from "../model/entity.ts";
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { RankedCause } from "../model/incident.ts";
import { type DurationMs, type Instant, parseDuration } from "../model/time.ts";
import type { Look } from "./look.ts";
import type { Finding, Scene } from "./scene.ts";

export interface Recall {
  /** The same look, with what was found before in this incident where looking again cannot take it back. */
  over(look: Look, scene: Scene): Look;
  /** Tells which cause is the likeliest now. It leads once it is likelier than all others together, and for as long as it is the likeliest. */
  lead(
    top: Pick<RankedCause, "failureMode" | "probability"> | undefined,
    modes: readonly FailureMode[],
    at: Instant,
  ): void;
  /** The mode that led for long enough, and none for as long since. */
  settled(): FailureMode | undefined;
}

/** Findings, one an entity and symptom; of an incident with more, the rest is looked up as if for the first time. */
const keptMax = 5000;
const leadsFrom = 0.5;
/** A cause that has led for so long is settled: evidence that was only late is there by then. */
const settledMs: DurationMs = 2 * 60_000;
/** What a settled cause showed counts for so long after it was last seen; what leads then may be another trouble. */
const stagesMs: DurationMs = 20 * 60_000;

/**
 * Three kinds of evidence are gone from sight while the trouble they show goes on. A log record is written once, at the start, and leaves
 * the window it is searched in. A comparison with some time ago is one of the trouble with itself once the trouble is older than that:
 * what it said last stands then. And a cause has stages: the queue it fills, the cache that overflows next, look like causes of their own,
 * but a cause does not come after its effect; so what showed a settled cause, or spoke for it against another, stays, and only more than all of that displaces it.
 * What speaks against it is looked at anew, but for comparisons: they are less and less with a time before the trouble.
 *
 * Forgotten with the incident, and at a restart. Blind to a second trouble that follows the first without two quiet minutes.
 */
export function createRecall(): Recall {
  const kept = new Map<string, { readonly found: Finding; readonly at: Instant }>();
  let leading: { readonly mode: string; readonly since: Instant } | undefined;
  /** Questions of a settled mode: those that speak for it, and comparisons that speak against it. */
  let settledMode: FailureMode | undefined;
  let settled: { readonly pro: ReadonlySet<string>; readonly con: ReadonlySet<string> } | undefined;

  function recalled(spec: SymptomSpec, entity: EntityId, found: Finding, scene: Scene): Finding {
    const question = questionOf(spec);
    const key = `${entity} ${question}`;
    if (found.state === "present") {
      if (settled?.con.has(question) && !kept.has(key)) return { state: "absent" };
      if (kept.size < keptMax && !isBlind(spec, scene)) kept.set(key, { found, at: scene.at });
      return found;
    }
    const before = kept.get(key);
    if (before === undefined) return found;
    const stays = spec.source.kind === "log" || isBlind(spec, scene);
    if (stays || (settled?.pro.has(question) && scene.at - before.at <= stagesMs)) return before.found;
    kept.delete(key);
    return found;
  }

  return {
    settled: () => settledMode,
    over: (look, scene) => (spec, entity) => recalled(spec, entity, look(spec, entity), scene),
    lead(top, modes, at) {
      const isLead = top !== undefined && (top.probability >= leadsFrom || top.failureMode === leading?.mode);
      const mode = isLead ? modes.find(({ id }) => id === top.failureMode) : undefined;
      if (mode?.id !== leading?.mode) leading = mode === undefined ? undefined : { mode: mode.id, since: at };
      if (mode === undefined || leading === undefined || at - leading.since < settledMs) return;
      if (settled !== undefined && settledMode === mode) return;
      settledMode = mode;
      const others = modes.flatMap(({ discriminators }) => discriminators.filter(({ against }) => against === mode.id));
      const compares = mode.discriminators.filter((spec) => Number.isFinite(reachOf(spec)));
      settled = {
        pro: new Set([...mode.symptoms, ...others].map(questionOf)),
        con: new Set(compares.map(questionOf)),
      };
    },
  };
}

/** Whether the trouble is so old that the query compares it with itself. */
function isBlind(spec: SymptomSpec, { at, onset }: Scene): boolean {
  return at - onset > reachOf(spec);
}

/** Of the catalogue's queries, which bound it. */
const reaches = new Map<string, DurationMs>();

/** How far back the nearest past lies that a query compares with; infinity if with none. */
function reachOf({ source }: SymptomSpec): DurationMs {
  if (source.kind !== "expr") return Number.POSITIVE_INFINITY;
  const known = reaches.get(source.expr);
  if (known !== undefined) return known;
  const offsets = [...source.expr.matchAll(/\boffset\s+(\w+)/g)].map(([, text]) => parseDuration(text!) ?? 0);
  const reach = Math.min(Number.POSITIVE_INFINITY, ...offsets);
  reaches.set(source.expr, reach);
  return reach;
}

/** Ids are a mode's own, and so may be the kind of entity that is looked at. */
function questionOf({ id, on, source }: SymptomSpec): string {
  const asked = source.kind === "expr" ? source.expr : source.kind === "log" ? source.contains : source.kind;
  return `${id} ${on ?? ""} ${asked}`;
}
