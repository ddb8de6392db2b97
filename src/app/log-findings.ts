// Findings in logs: kept as records, linked to the incident they belong to, and told to those who follow.
import type { Entity } from "../model/entity.ts";
import type { Incident } from "../model/incident.ts";
import type { LogFinding } from "../model/log-finding.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { RecordKeeper } from "./record-keeper.ts";

export interface FindingBook {
  /** Never rejects: what cannot be stored is tried again with the next. */
  take(found: readonly LogFinding[], open: Iterable<Incident>, entities: readonly Entity[]): Promise<void>;
}

/** A new line that only informs is kept, and not told: every release has some. */
const weighty: ReadonlySet<string> = new Set(["warn", "error", "fatal"]);

export function createFindingBook(deps: {
  readonly keeper: RecordKeeper;
  readonly feed: EventFeed;
  readonly telemetry: Telemetry;
}): FindingBook {
  const { keeper, feed, telemetry } = deps;

  return {
    async take(found, open, entities) {
      const linked = found.length === 0 ? [] : link(found, [...open], entities);
      for (const finding of linked) {
        telemetry.count("homeostat.detect.log_findings", 1, { kind: finding.kind });
        if (finding.kind === "new" && !weighty.has(finding.severity)) continue;
        feed.publish({ type: "finding", at: finding.at, text: finding.says, data: { ...finding } });
      }
      await keeper.keep("findings", linked);
    },
  };
}

/** With the incident that is open on the entity, or on something that belongs to it. */
function link(
  found: readonly LogFinding[],
  open: readonly Incident[],
  entities: readonly Entity[],
): readonly LogFinding[] {
  const parents = new Map(entities.map(({ id, parent }) => [id, parent]));
  return found.map((finding) => {
    const incident = open.find((one) =>
      one.entities.some((entity) => entity === finding.entity || parents.get(entity) === finding.entity),
    );
    return incident === undefined ? finding : { ...finding, incident: incident.id };
  });
}
