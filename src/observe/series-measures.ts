// What detection judges beyond the frames: a number for every series at every step, by slot.
import type { EntityId } from "../model/entity.ts";
import { type Labels, METRIC_NAME } from "../model/labels.ts";
import type { SeriesFacts, SeriesReading, SeriesSteps, StepColumns } from "../model/ports/series-steps.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { quality } from "../model/series.ts";
import { catalogue, type Signal, signals } from "../model/signal.ts";
import type { Instant } from "../model/time.ts";
import type { EntityState, History } from "./canonical.ts";
import { addObservations, type Measured, measureP95, measureRate, type Windows } from "./measure.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";
import { createSeriesSlots, type SlotOptions } from "./series-slots.ts";

/** A raw series and what is known of it. */
export interface RawMember {
  readonly stored: StoredSeries;
  /** With `__name__`. */
  readonly labels: Labels;
  readonly entity: EntityId;
  readonly parent: EntityId | undefined;
}

export interface SeriesMeasures extends SeriesSteps {
  /**
   * A raw series is in memory from now on. One that feeds a canonical signal is not judged itself, nor is one bucket of a
   * histogram that came in pieces: what they are part of is. Nor is a moment in time.
   */
  enter(raw: RawMember, targets: readonly Target[], states: readonly EntityState[]): void;
  leave(stored: StoredSeries, at: Instant): void;
  /** The entity is in memory no more, nor are its canonical series. */
  leaveEntity(state: EntityState, at: Instant): void;
  sweep(at: Instant): void;
}

interface Member {
  readonly reading: SeriesReading | "canonical";
  readonly stored: StoredSeries | undefined;
  /** Of a canonical series; asked for anew, as its columns may be replaced. */
  readonly history: (() => History | undefined) | undefined;
}

/** When something happened (a process's start, a last reload) is no level: whatever it is, it is not odd. */
function isMoment({ behaviour, definition }: StoredSeries): boolean {
  return behaviour === "gauge" && /_(start_time|timestamp)(_seconds)?$/.test(definition.metric);
}

export function createSeriesMeasures(options: SlotOptions & Windows, telemetry: Telemetry): SeriesMeasures {
  const slots = createSeriesSlots(options);
  const members: (Member | undefined)[] = [];
  const slotsOf = new Map<StoredSeries | EntityState, { readonly key: string; readonly slot: number }[]>();
  const measured: Measured = { value: Number.NaN, quality: quality.MISSING };
  const windows = { stepMs: options.stepMs, rateWindowMs: options.rateWindowMs };
  /** Those without a slot, longest waiting first: by their owner, as they leave with it. */
  const waiting = new Map<StoredSeries | EntityState, { readonly facts: SeriesFacts; readonly member: Member }[]>();
  let counts = new Float64Array(64);

  return {
    slots: slots.size,
    changes: slots.changes,
    reserve: slots.reserve,
    sweep(at) {
      slots.sweep(at);
      admitWaiting();
      const { evicted, refused } = slots.tally();
      if (evicted > 0) telemetry.count("homeostat.observe.slots_reused", evicted);
      if (refused > 0) telemetry.count("homeostat.observe.dropped", refused, { reason: "slot-limit" });
    },
    enter(raw, targets, states) {
      for (const [i, target] of targets.entries()) enterCanonical(states[i] as EntityState, target.signal);
      const { stored } = raw;
      if (targets.length > 0 || isBucket(stored) || isMoment(stored)) return;
      if (stored.behaviour === "gauge") enterRaw(raw, "value");
      else enterRaw(raw, "rate");
      if (stored.behaviour === "histogram") enterRaw(raw, "p95");
    },
    leave,
    leaveEntity: leave,
    measure,
  };

  function leave(owner: StoredSeries | EntityState, at: Instant): void {
    for (const { key, slot } of slotsOf.get(owner) ?? []) {
      slots.leave(key, at);
      members[slot] = undefined;
    }
    slotsOf.delete(owner);
    waiting.delete(owner);
  }

  function admitWaiting(): void {
    for (const [owner, refused] of [...waiting]) {
      if (!slots.hasRoom()) return;
      waiting.delete(owner);
      for (const { facts, member } of refused) place(owner, facts, member);
    }
  }

  function enterRaw(raw: RawMember, reading: SeriesReading): void {
    const { stored, labels, entity, parent } = raw;
    const histogram = stored.behaviour === "histogram";
    const suffix = !histogram ? "" : reading === "p95" ? ":p95" : ":rate";
    const name = (labels[METRIC_NAME] ?? "").replace(/_sum$/, histogram ? "" : "$&") + suffix;
    const unit = reading === "rate" ? (histogram ? "/s" : `${stored.definition.unit}/s`) : stored.definition.unit;
    const facts: SeriesFacts = {
      key: reading === "value" ? stored.definition.hash : `${stored.definition.hash}:${reading}`,
      entity,
      ...(parent === undefined ? {} : { parent }),
      reading,
      harm: "either",
      unit,
      labels: () => ({ ...labels, [METRIC_NAME]: name }),
    };
    place(stored, facts, { reading, stored, history: undefined });
  }

  function enterCanonical(state: EntityState, signal: number): void {
    if (signal < signals.length) return;
    const { id, metric, harm, unit, kind } = catalogue[signal] as Signal<string>;
    const key = `${state.entity.id} ${id}`;
    if (slotsOf.get(state)?.some((known) => known.key === key)) return;
    if (waiting.get(state)?.some(({ facts }) => facts.key === key)) return;
    const { parent } = state.entity;
    const facts: SeriesFacts = {
      key,
      entity: state.entity.id,
      ...(parent === undefined ? {} : { parent }),
      reading: kind === "rate" ? "rate" : kind === "quantile" ? "p95" : "value",
      harm,
      unit,
      labels: () => ({
        ...state.entity.labels,
        entity: state.entity.id,
        ...(parent === undefined ? {} : { parent }),
        [METRIC_NAME]: metric,
      }),
    };
    const history = () => state.tracked.get(signal)?.history;
    place(state, facts, { reading: "canonical", stored: undefined, history });
  }

  function place(owner: StoredSeries | EntityState, facts: SeriesFacts, member: Member): void {
    const slot = slots.enter(facts);
    if (slot < 0) {
      waiting.set(owner, [...(waiting.get(owner) ?? []), { facts, member }]);
      return;
    }
    members[slot] = member;
    const known = slotsOf.get(owner);
    if (known === undefined) slotsOf.set(owner, [{ key: facts.key, slot }]);
    else known.push({ key: facts.key, slot });
  }

  function measure(at: Instant, out: StepColumns): void {
    const size = slots.size();
    for (let slot = 0; slot < size; slot++) {
      measureMember(members[slot], at);
      out.values[slot] = measured.value;
      out.quality[slot] = measured.quality;
    }
  }

  function measureMember(member: Member | undefined, at: Instant): void {
    measured.value = Number.NaN;
    measured.quality = quality.MISSING;
    if (member === undefined) return;
    if (member.stored === undefined) {
      const columns = member.history?.()?.columns;
      const last = (columns?.end ?? 0) - 1;
      if (columns === undefined || last < columns.start || columns.times[last] !== at) return;
      measured.value = (columns.values[0] as Float64Array)[last] as number;
      measured.quality = columns.flags[last] as number;
      return;
    }
    const { stored } = member;
    const index = newIndex(stored, at, windows.stepMs);
    if (index < 0) return;
    switch (member.reading) {
      case "rate":
        measureRate(stored, stored.columns.values.length - 1, at, windowsOf(stored), measured);
        return;
      case "p95":
        measureQuantile(stored, at);
        return;
      default:
        measured.value = (stored.columns.values[0] as Float64Array)[index] as number;
        measured.quality = (stored.columns.flags[index] as number) & ~quality.LATE;
        if (Number.isNaN(measured.value)) measured.quality |= quality.MISSING;
    }
  }

  function measureQuantile(stored: StoredSeries, at: Instant): void {
    const { bounds } = stored.definition;
    if (counts.length <= bounds.length) counts = new Float64Array(2 * bounds.length + 1);
    counts.fill(0, 0, bounds.length + 1);
    if (!addObservations(stored, at, windowsOf(stored), counts, measured)) {
      measured.value = Number.NaN;
      measured.quality = quality.MISSING;
      return;
    }
    measureP95(bounds, counts, measured);
    // Few observations make no quantile to judge by: as good as none.
    if ((measured.quality & quality.THIN) !== 0) measured.quality |= quality.MISSING;
  }

  /** What reports seldom is looked at over two of its own intervals. */
  function windowsOf({ intervalMs }: StoredSeries): Windows {
    if (!(2 * intervalMs > windows.rateWindowMs)) return windows;
    return { stepMs: windows.stepMs, rateWindowMs: 2 * intervalMs };
  }
}

/** Index of the newest point at or before `at` if it came within the step that ends there; else -1. */
function newIndex({ columns }: StoredSeries, at: Instant, stepMs: number): number {
  let index = columns.end - 1;
  while (index >= columns.start && (columns.times[index] as number) > at) index--;
  if (index < columns.start || (columns.times[index] as number) <= at - stepMs) return -1;
  return ((columns.flags[index] as number) & quality.STALE) === 0 ? index : -1;
}

function isBucket({ definition }: StoredSeries): boolean {
  return definition.metric.endsWith("_bucket") && definition.attributes["le"] !== undefined;
}
