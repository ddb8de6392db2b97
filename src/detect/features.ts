// From a frame to what detectors look at: its signals, how long gauges stood still, how long an entity was silent, its core signals.
import type { EntityBatch, PeerBatch, PointBatch } from "../model/detector.ts";
import type { Frame } from "../model/frame.ts";
import { quality, UNUSABLE } from "../model/series.ts";
import { coreSignals, type SignalId, signals } from "../model/signal.ts";
import { createAbsences } from "./absences.ts";
import { type ChangeBook, createChangeBook } from "./change-book.ts";
import { peersOf } from "./peer-groups.ts";
import type { Hint } from "./profile.ts";
import { relativeTo } from "./siblings.ts";

export interface FrameBatches {
  /** A row for every signal of every entity; slots are `entity * signals.length + signal`. */
  readonly levels: PointBatch;
  /** The same rows, on each signal's scale, less the median of the entity's siblings: what all share is gone. */
  readonly relative: PointBatch;
  /** The same rows and values, each with those of its siblings at the same instant. */
  readonly peers: PeerBatch;
  /** A row for every entity: steps since its gauges last changed, and since it last sent anything. */
  readonly stillness: PointBatch;
  readonly silence: PointBatch;
  /** A row for every entity: steps for which it alone of its siblings was silent, and no change explains it. */
  readonly absence: PointBatch;
  /** The core signals of every entity. */
  readonly core: EntityBatch;
}

export interface Features {
  /** `slots[row]` is the detection's own number of the frame's entity `row`. */
  of(frame: Frame, slots: Int32Array): FrameBatches;
}

const warmMsMax = 300_000;
const gauges: readonly SignalId[] = ["running", "waiting", "kv_usage"];

export function createFeatures(changes: Pick<ChangeBook, "explains"> = createChangeBook()): Features {
  /** Last gauges of every entity, and its runs. */
  const lastGauges: Float64Array[] = [];
  const still: number[] = [];
  const silent: number[] = [];
  /** Steps until an entity that came back is judged again. */
  const warming: number[] = [];
  const absences = createAbsences(changes);

  return {
    of(frame, slots) {
      const rows = frame.entities.length;
      const columns = signals.map((signal) => frame.signals.indexOf(signal.id));
      const coreColumns = coreSignals.map((id) => signals.findIndex((signal) => signal.id === id));
      const levels = levelsOf(frame, slots, columns);
      const stillness = emptyBatch(rows, slots);
      const silence = emptyBatch(rows, slots);
      for (let row = 0; row < rows; row++) {
        const slot = slots[row] as number;
        const before = silent[slot] ?? 0;
        silence.values[row] = countSilent(frame, row, slot);
        if (warmUp(before, slot, frame.stepMs)) hideRow(levels, row);
        countStill(levels, row, slot, stillness);
      }
      return {
        levels,
        relative: relativeTo(frame, levels),
        peers: peersOf(frame, levels),
        stillness,
        silence,
        absence: absences.of(frame, slots, silence),
        core: coreOf(levels, rows, slots, coreColumns),
      };
    },
  };

  function countStill(levels: PointBatch, row: number, slot: number, out: PointBatch): void {
    const now = gauges.map((id) => {
      const index = row * signals.length + signals.findIndex((signal) => signal.id === id);
      return ((levels.quality[index] as number) & UNUSABLE) === 0 ? (levels.values[index] as number) : Number.NaN;
    });
    const before = lastGauges[slot];
    lastGauges[slot] = Float64Array.from(now);
    const working = (now[0] as number) > 0 && now.filter((value) => !Number.isNaN(value)).length >= 2;
    if (before === undefined || !working) {
      still[slot] = 0;
      out.values[row] = Number.NaN;
      out.quality[row] = quality.MISSING;
      return;
    }
    const same = now.every((value, i) => Object.is(value, before[i]));
    still[slot] = same ? (still[slot] ?? 0) + 1 : 0;
    out.values[row] = still[slot] ?? 0;
  }

  /**
   * What was away comes back cold: for twice as long as it was silent, five minutes at most, it is neither judged nor learned.
   * Blind to trouble that a restart brings, for that long.
   */
  function warmUp(silentBefore: number, slot: number, stepMs: number): boolean {
    const away = silent[slot] === 0 ? 2 * silentBefore : 0;
    const left = Math.max(away, (warming[slot] ?? 0) - 1);
    warming[slot] = Math.min(left, Math.max(1, Math.floor(warmMsMax / stepMs)));
    return left > 0;
  }

  function countSilent(frame: Frame, row: number, slot: number): number {
    const width = frame.signals.length;
    let gone = true;
    for (let i = row * width; i < (row + 1) * width; i++) {
      if (((frame.quality[i] as number) & quality.MISSING) === 0) gone = false;
    }
    silent[slot] = gone ? (silent[slot] ?? 0) + 1 : 0;
    return silent[slot] ?? 0;
  }
}

const running = signals.findIndex(({ id }) => id === "running");
const kindOfSignal = { gauge: "gauge", rate: "gauge", quantile: "latency", mean: "gauge", ratio: "ratio" } as const;
const hints: readonly Hint[] = signals.map(({ id, kind, range, unit }) => ({
  kind: id === "preemptions" || unit === "{request}" ? "count" : kindOfSignal[kind],
  ...(Number.isFinite(range.max) ? { limit: range.max } : {}),
}));

/** What a signal's definition says of the series in a slot of `levels`. */
export function hintOf(slot: number): Hint {
  return hints[slot % hints.length] as Hint;
}

/** Requests running on the entity of a row of `levels`: its load. */
export function loadOf(levels: PointBatch, row: number): number {
  return levels.values[row - (row % signals.length) + running] as number;
}

function levelsOf(frame: Frame, slots: Int32Array, columns: readonly number[]): PointBatch {
  const width = signals.length;
  const rows = frame.entities.length * width;
  const batch = emptyBatch(rows, new Int32Array(rows));
  for (let row = 0; row < frame.entities.length; row++) {
    for (let signal = 0; signal < width; signal++) {
      const to = row * width + signal;
      const column = columns[signal] as number;
      const from = row * frame.signals.length + column;
      batch.slots[to] = (slots[row] as number) * width + signal;
      batch.values[to] = column < 0 ? Number.NaN : (frame.values[from] as number);
      const flags = column < 0 ? quality.MISSING : (frame.quality[from] as number);
      // Two observations make no quantile to judge by: as good as none.
      batch.quality[to] = (flags & quality.THIN) !== 0 ? flags | quality.MISSING : flags;
    }
  }
  return batch;
}

function hideRow(levels: PointBatch, row: number): void {
  for (let i = row * signals.length; i < (row + 1) * signals.length; i++) {
    levels.quality[i] = (levels.quality[i] as number) | quality.MISSING;
  }
}

function coreOf(levels: PointBatch, rows: number, slots: Int32Array, coreColumns: readonly number[]): EntityBatch {
  const width = coreColumns.length;
  const batch = { rows, width, slots, values: new Float64Array(rows * width), quality: new Uint8Array(rows * width) };
  for (let row = 0; row < rows; row++) {
    for (const [column, signal] of coreColumns.entries()) {
      batch.values[row * width + column] = levels.values[row * signals.length + signal] as number;
      batch.quality[row * width + column] = levels.quality[row * signals.length + signal] as number;
    }
  }
  return batch;
}

function emptyBatch(rows: number, slots: Int32Array): PointBatch {
  return { rows, slots, values: new Float64Array(rows), quality: new Uint8Array(rows) };
}
