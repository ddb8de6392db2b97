// Comparisons over this service's store: each side's signals are made of that side's own series.

import { type CompareDeps, compare } from "../compare/compare.ts";
import { passes } from "../compare/side.ts";
import type { CannotCompare, CompareRequest, Comparison } from "../model/comparison.ts";
import type { SideQuery } from "../model/ports/request-history.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { TelemetryHistory } from "../model/ports/telemetry-history.ts";
import { defaultTenant } from "../model/tenant.ts";
import { createHistory, type HistoryOptions } from "../observe/history.ts";
import type { Store } from "../store/store.ts";

/** One after another; more than this many waiting are refused, as each reads much. */
const waitingMax = 4;

export type Compare = (request: CompareRequest) => Promise<Comparison | CannotCompare | "busy">;

export function createComparing(
  options: HistoryOptions,
  store: Pick<Store, "requests" | "history" | "changes">,
  deps: Pick<CompareDeps, "probes" | "entities" | "telemetry">,
): Compare {
  /** Kept while one comparison lasts, so that what it reads twice is read once. */
  const openSeries = (): CompareDeps["series"] => {
    const known = new Map<SideQuery | undefined, SeriesSource>();
    return (side) => {
      const stored = side === undefined ? store.history : only(store.history, side);
      const found = known.get(side) ?? createHistory(options, { stored, telemetry: deps.telemetry });
      known.set(side, found);
      return found;
    };
  };
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  return (request) => {
    if (waiting >= waitingMax) return Promise.resolve("busy");
    waiting++;
    const next = last
      .then(() => compare(request, { requests: store.requests, series: openSeries(), changes: store.changes, ...deps }))
      .finally(() => waiting--);
    last = next.catch(() => {});
    return next;
  };
}

function only(history: TelemetryHistory, { tests, tenants }: SideQuery): TelemetryHistory {
  return {
    ...history,
    async series(metrics, range, limit) {
      const found = await history.series(metrics, range, limit);
      return found.filter(
        ({ attributes, resource, service, tenant = defaultTenant }) =>
          (tenants === undefined || tenants.includes(tenant)) &&
          // A series says its service apart from its resource.
          passes(tests, attributes, { "service.name": service, ...resource }),
      );
    },
  };
}
