// What kind of entity a raw series is about, and whether it was made here.
import type { EntityKind } from "../model/entity.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { catalogue, type Signal } from "../model/signal.ts";
import type { Target } from "./resolver.ts";
import { isOfSpans } from "./span-series.ts";

/** Raw series are found under the entity their first signal is about; by default what sent them is taken for a replica. */
export function entityKindOf(definition: RawSeries, targets: readonly Target[]): EntityKind {
  const first = targets[0];
  return first === undefined ? (isOfSpans(definition) ? "service" : "replica") : kindOf(first);
}

export function kindOf({ signal }: Target): EntityKind {
  return (catalogue[signal] as Signal<string>).entity;
}

/** What is made here has no clock of its own. */
export function isMade({ additive, hash }: RawSeries): boolean {
  return additive === true || hash.startsWith("made ");
}
