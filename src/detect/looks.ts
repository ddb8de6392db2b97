// What an episode looks like and what is said of it: shape, direction, evidence.
import type { Anomaly, Shape } from "../model/anomaly.ts";
import type { DetectorView } from "../model/detector.ts";
import type { Entity } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import { type SignalId, signalOf } from "../model/signal.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { type RecentValues, shapeOf, spikeMsMax } from "./shape.ts";
import { tellLevel, tellRun } from "./telling.ts";

interface Told {
  readonly vote: { readonly detector: string };
  readonly entity: Entity;
  readonly signal: SignalId | "joint";
  readonly value: number;
}

/** Shapes a duration does not change. */
const lasting: readonly Shape[] = ["dropout", "flatline", "joint"];

export function looksOf(recent: RecentValues, row: Told, view: DetectorView): Pick<Anomaly, "shape" | "direction"> {
  const { detector } = row.vote;
  if (detector === "dropout" || detector === "absence") return { shape: "dropout", direction: "down" };
  if (detector === "flat-line") return { shape: "flatline", direction: "both" };
  if (row.signal === "joint") return { shape: "joint", direction: "both" };
  if (view.shape === "variance" || view.shape === "pattern") return { shape: view.shape, direction: "both" };
  const rising = rises(row.signal, row.value, view);
  if (row.value === 0 && !rising) return { shape: "dropout", direction: "down" };
  // Whether a short one is a spike is known only once it is over.
  const known = view.shape === "spike" ? undefined : view.shape;
  return { shape: known ?? shapeOf(recent, row.value, rising), direction: rising ? "up" : "down" };
}

export function finalShape({ shape }: Anomaly, lastedMs: DurationMs): Shape {
  return !lasting.includes(shape) && lastedMs <= spikeMsMax ? "spike" : shape;
}

export function evidenceOf(
  { vote, entity, signal, value }: Told,
  view: DetectorView,
  at: Instant,
  onset: Instant,
  stepMs: DurationMs,
): readonly Evidence[] {
  const { detector } = vote;
  if (detector === "flat-line" || detector === "dropout" || detector === "absence")
    return [tellRun(entity, detector, at, value * stepMs)];
  if (signal !== "joint") return [tellLevel(entity, signal, at, value, view.expected, view.note), ...view.evidence];
  if (view.evidence.length > 0)
    return view.evidence.map((one) => (one.entity === undefined ? named(one, entity) : one));
  const since = new Date(onset).toISOString();
  const says = `The signals of ${entity.name} together are unlike any seen since ${since}.`;
  return [{ kind: "anomaly", says, at, entity: entity.id }];
}

/** Detectors know a row's slot, not whose it is. */
function named(evidence: Evidence, entity: Entity): Evidence {
  return { ...evidence, says: `${entity.name}: ${evidence.says}`, entity: entity.id };
}

/** Where only one way harms, that way it went; else by the middle of the band. */
function rises(id: SignalId, value: number, { expected }: DetectorView): boolean {
  const { harm } = signalOf(id);
  return harm === "either" ? value > (expected.low + expected.high) / 2 : harm === "rise";
}
