// Departures that are put into some replicas once the healthy days are over: what detection must not be deaf to.
import { profileOf } from "../../src/simulate/profiles.ts";
import type { Condition } from "../../src/simulate/quick-engine.ts";
import type { Interference, Load } from "../../src/simulate/quick-fleet.ts";
import { createRandom } from "../../src/simulate/random.ts";
import type { GroupPlan } from "./group.ts";

export interface Departure {
  readonly kind: string;
  /** Which of the group's deployments, and which of its replicas. */
  readonly scope: number;
  readonly replica: number;
  /** When it is due; it begins once the replica has work, and never does if there is none. */
  readonly dueMs: number;
  readonly lastsMs: number;
  fromMs: number;
  /** Load when it began. */
  before: Load;
}

/** Changes a condition; `share` of the departure's time has passed. True: nothing is heard of the replica. */
type Effect = (condition: Condition, share: number, before: Load, batchMax: number) => boolean | undefined;

const slower =
  (factor: number): Effect =>
  (condition) =>
    set(condition, { stepFactor: factor * condition.stepFactor });

const kinds: Readonly<Record<string, Effect>> = {
  "kv pool below use": (condition, _share, { kvUsage }) => set(condition, { poolFactor: Math.min(1, 0.8 * kvUsage) }),
  "steps x1.5": slower(1.5),
  "steps x2": slower(2),
  "steps x4": slower(4),
  "batch below use": (condition, _share, { running }, max) => set(condition, { batchFactor: (0.7 * running) / max }),
  "preemptions at x1.3 steps": (condition) =>
    set(condition, { preemptions: 0.3, stepFactor: 1.3 * condition.stepFactor }),
  stuck: (condition) => set(condition, { hung: true }),
  "drop-out": () => true,
  "slow ramp to x3": (condition, share) => set(condition, { stepFactor: condition.stepFactor * (1 + 2 * share) }),
  "first tokens x4": (condition) => set(condition, { firstTokenFactor: 4 }),
  "answers x3": (condition) => set(condition, { outputFactor: 3 * condition.outputFactor }),
};

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** The first hours of the days with departures stay quiet, and so do the last. */
const leadMs = 3_600_000;
const apartMs = 7_200_000;
/** Requests in work without which nothing can depart. */
const busyFrom = 8;
/** A departure that cannot begin within this is not made. */
const patienceMs = 6 * 3_600_000;

/** At random minutes, in turn of each kind, never two in a deployment at once. */
export function departuresOf(plan: GroupPlan, fromMs: number): readonly Departure[] {
  const random = createRandom(plan.seed + (plan.numbers[0] ?? 0), "departures");
  const names = Object.keys(kinds);
  const out: Departure[] = [];
  const room = plan.departureDays * dayMs - leadMs - 2 * apartMs;
  for (let tries = 0; out.length < plan.departures && tries < 20 * plan.departures; tries++) {
    const scope = Math.floor(plan.numbers.length * random.uniform());
    const replica = Math.floor(profileOf(plan.seed, plan.numbers[scope]!).replicas * random.uniform());
    const dueMs = fromMs + leadMs + minuteMs * Math.floor((room / minuteMs) * random.uniform());
    const lastsMs = minuteMs * (30 + Math.floor(60 * random.uniform()));
    const kind = names[out.length % names.length]!;
    const near = (one: Departure): boolean => Math.abs(one.dueMs - dueMs) < patienceMs + apartMs + lastsMs;
    if (out.some((one) => one.scope === scope && near(one))) continue;
    out.push({ kind, scope, replica, dueMs, lastsMs, fromMs: Number.NaN, before: { running: 0, kvUsage: 0 } });
  }
  return out;
}

/** What the departures do to one of the group's deployments. */
export function interferenceOf(departures: readonly Departure[], scope: number, batchMax: number): Interference {
  const own = departures.filter((departure) => departure.scope === scope);
  return (replica, atMs, condition, load) => {
    let silent = false;
    for (const departure of own) {
      if (departure.replica !== replica || atMs <= departure.dueMs) continue;
      if (Number.isNaN(departure.fromMs)) {
        if (load.running < busyFrom || atMs > departure.dueMs + patienceMs) continue;
        departure.fromMs = atMs - minuteMs;
        departure.before = { ...load };
      }
      const share = (atMs - departure.fromMs) / departure.lastsMs;
      if (share > 1) continue;
      silent ||= kinds[departure.kind]!(condition, share, departure.before, batchMax) === true;
    }
    return silent;
  };
}

function set(condition: Condition, changed: Partial<Condition>): undefined {
  Object.assign(condition, changed);
}
