// Detectors of counts: more events than their exposure leads to expect, and a larger share of a total, by exact tails.

import { binomialUpper, normalScore, predictedUpper } from "../../math/tails.ts";
import type { CountBatch, Detector, DetectorKind, DetectorView } from "../../model/detector.ts";
import { unknownBand, usable } from "./natures.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points before it says anything. */
const pointsMin = 40;
/** Past events and exposure fade with this half-life, in points. */
const halfLifePoints = 2000;
const fade = 0.5 ** (1 / halfLifePoints);
/** Steps added up beside the last one alone: what trickles. */
const recentSteps = 12;
/** A learned count is believed up to so many standard deviations above what was expected. */
const clipSigmas = 4;
/** Overdispersion is the mean of so many squared residuals, each believed up to a limit. */
const dispersionPoints = 200;
const residualMax = 25;
/** With less expected, a residual says nothing of dispersion. */
const expectedMin = 0.2;

/** A row: points, events and exposure learned, overdispersion, steps seen, then events and exposure of the last steps. */
const SEEN = 1;
const PAST = 2;
const DISPERSION = 3;
const STEPS = 4;
const EVENTS = 5;
const EXPOSURE = EVENTS + recentSteps;
/** 29 numbers: 232 bytes a slot. */
const width = EXPOSURE + recentSteps;

type Upper = (events: number, of: number, seen: number, past: number) => number;

/**
 * Values are events, `of` how long, or how much work, they had to happen in. Tail of a gamma-Poisson prediction from what was
 * learned, so that a first error after a thousand quiet minutes is odd and one after ten is not; both sides are divided by
 * the learned overdispersion. Source: McCullagh and Nelder (1989), section 6.2, for the latter. Only more is harm.
 * Blind to rates that rise over days, and to bursts as wide as past ones.
 */
export const eventRate: DetectorKind<"counts"> = {
  kind: "event-rate",
  summary: "More events than the rate learned leads to expect, by exact Poisson tails.",
  input: "counts",
  create: (snapshot) => createCounts("event-rate", predictedUpper, snapshot),
};

/**
 * Values are events, `of` the tries they are a part of: at most so many. Exact binomial tail at the learned share plus its
 * standard error. Otherwise as {@link eventRate}.
 */
export const eventShare: DetectorKind<"counts"> = {
  kind: "event-share",
  summary: "A larger share of tries than ever ends so, by exact binomial tails.",
  input: "counts",
  create: (snapshot) => createCounts("event-share", shareUpper, snapshot),
};

function shareUpper(events: number, of: number, seen: number, past: number): number {
  const share = (seen + 0.5) / (past + 1);
  return binomialUpper(Math.min(events, of), of, Math.min(1, share + Math.sqrt((share * (1 - share)) / (past + 1))));
}

function createCounts(kind: string, upper: Upper, snapshot?: Uint8Array): Detector<"counts"> {
  const table = createSlotTable(kind, width, snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const at = table.find(batch.slots[row] as number);
        if (at < 0 || !judgeable(batch, row)) continue;
        const { data } = table;
        const i = data[at + STEPS]! % recentSteps;
        data[at + EVENTS + i] = batch.values[row] as number;
        data[at + EXPOSURE + i] = batch.of[row] as number;
        data[at + STEPS]!++;
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!judgeable(batch, row)) continue;
        const at = table.claim(batch.slots[row] as number);
        if (at >= 0) learnOne(at, batch.values[row] as number, batch.of[row] as number);
      }
    },
    explain,
    accept(slot) {
      const at = table.find(slot);
      if (at < 0) return;
      // The last minute is all that is known of the new rate.
      table.data[at + SEEN] = recent(at, EVENTS);
      table.data[at + PAST] = recent(at, EXPOSURE);
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: CountBatch, row: number): number {
    const at = table.find(batch.slots[row] as number);
    if (at < 0 || !judgeable(batch, row) || table.data[at]! < pointsMin) return Number.NaN;
    const events = batch.values[row] as number;
    const of = batch.of[row] as number;
    const now = tailOf(at, events, of);
    const lately = tailOf(at, events + recent(at, EVENTS), of + recent(at, EXPOSURE));
    // Two looks at one series.
    return normalScore(Math.min(1, 2 * Math.min(now, lately)));
  }

  function explain(batch: CountBatch, row: number): DetectorView {
    const at = table.find(batch.slots[row] as number);
    if (at < 0 || table.data[at]! < pointsMin) return { expected: unknownBand, evidence: [] };
    const of = batch.of[row] as number;
    const usual = (table.data[at + SEEN]! / table.data[at + PAST]!) * of;
    const expected = { low: 0, high: usual + 3 * Math.sqrt(table.data[at + DISPERSION]! * usual) };
    const events = (batch.values[row] as number) + recent(at, EVENTS);
    const lately = of + recent(at, EXPOSURE);
    const wanted = (table.data[at + SEEN]! / table.data[at + PAST]!) * lately;
    const note = `${number(events)} in the last ${recentSteps + 1} steps where ${number(wanted)} were to be expected`;
    return { expected, evidence: [], shape: "level-shift", note };
  }

  function tailOf(at: number, events: number, of: number): number {
    const dispersion = Math.max(1, table.data[at + DISPERSION]!);
    return upper(events / dispersion, of / dispersion, table.data[at + SEEN]!, table.data[at + PAST]!);
  }

  function recent(at: number, column: number): number {
    let sum = 0;
    for (let i = 0; i < recentSteps; i++) sum += table.data[at + column + i]!;
    return sum;
  }

  function learnOne(at: number, events: number, of: number): void {
    const { data } = table;
    const dispersion = Math.max(1, data[at + DISPERSION]!);
    const expected = data[at + PAST]! > 0 ? (data[at + SEEN]! / data[at + PAST]!) * of : events;
    const believed =
      data[at]! < 10 ? events : Math.min(events, expected + clipSigmas * Math.sqrt(dispersion * expected) + clipSigmas);
    if (expected >= expectedMin && data[at]! >= 10) {
      const residual = Math.min(residualMax, (events - expected) ** 2 / expected);
      data[at + DISPERSION]! += (residual - data[at + DISPERSION]!) / Math.min(data[at]!, dispersionPoints);
    }
    data[at]!++;
    data[at + SEEN] = data[at + SEEN]! * fade + believed;
    data[at + PAST] = data[at + PAST]! * fade + of;
  }
}

/** Nothing can be said of no exposure, and counts below nothing are none. */
function judgeable(batch: CountBatch, row: number): boolean {
  const of = batch.of[row] as number;
  return usable(batch, row) && (batch.values[row] as number) >= 0 && of > 0 && Number.isFinite(of);
}

function number(value: number): string {
  return String(Number(value.toPrecision(2)));
}
