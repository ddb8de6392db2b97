// PromQL for diagnosis: which entities a query is true of, and which entities have telemetry at all.
import type { EntityId } from "../model/entity.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { quality } from "../model/series.ts";
import type { Instant } from "../model/time.ts";
import { evaluateInstant } from "../promql/evaluate.ts";
import { type ParsedQuery, parseQuery } from "../promql/parse.ts";

export interface Queries {
  /** Value by entity; undefined when the query could not be answered, which is not the same as "nothing". */
  byEntity(expr: string, at: Instant): Promise<ReadonlyMap<EntityId, number> | undefined>;
  /** Entities with a canonical point in the last `ageMs`. */
  alive(at: Instant, ageMs: number): Promise<ReadonlySet<EntityId>>;
}

/** Queries of the catalogue and of nobody else: their number bounds the cache. */
export function createQueries(source: SeriesSource, telemetry: Telemetry): Queries {
  const parsed = new Map<string, ParsedQuery>();

  function parse(expr: string): ParsedQuery {
    const known = parsed.get(expr);
    if (known !== undefined) return known;
    const query = parseQuery(expr);
    if ("errors" in query) throw new Error(query.errors.map(({ message }) => message).join("; "));
    parsed.set(expr, query);
    return query;
  }

  return {
    async byEntity(expr, at) {
      try {
        const result = await evaluateInstant(parse(expr), at, source);
        const values = new Map<EntityId, number>();
        if (result.kind !== "vector") return values;
        for (const { labels, value } of result.samples) {
          const entity = labels["entity"];
          if (entity !== undefined && !Number.isNaN(value)) values.set(entity, value);
        }
        return values;
      } catch (error) {
        telemetry.count("homeostat.diagnose.query_errors");
        telemetry.log.error("a symptom cannot be looked up", { expr, error: String(error) });
        return undefined;
      }
    },
    async alive(at, ageMs) {
      const found = new Set<EntityId>();
      const canonical = { name: "__name__", op: "=~", value: "(llm|gpu|node|container|app):.+" } as const;
      try {
        for (const view of await source.select([canonical], { from: at - ageMs, to: at + 1 })) {
          const entity = view.labels["entity"];
          const last = view.length - 1;
          const stale = last < 0 || ((view.quality?.[last] ?? 0) & (quality.STALE | quality.MISSING)) !== 0;
          if (entity !== undefined && !stale) found.add(entity);
        }
      } catch (error) {
        telemetry.count("homeostat.diagnose.query_errors");
        telemetry.log.error("telemetry cannot be looked up", { error: String(error) });
      }
      return found;
    },
  };
}
