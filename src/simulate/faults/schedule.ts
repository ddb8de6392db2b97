// When faults happen: begin, ramp, hold, end, on the timeline of the fleet.
import type { Fault } from "../scenario.ts";
import { parseTarget } from "../targets.ts";
import type { World } from "../world.ts";
import type { Effect } from "./define.ts";
import { faultKinds, kindNamed } from "./registry.ts";

/** Steps a ramp is made of. */
const rampSteps = 30;

/**
 * Lets a fault happen at its time. Throws a RangeError when its kind, target or parameters make no sense for this fleet.
 * `atMs` replaces the fault's own time.
 */
export function scheduleFault(
  fault: Fault,
  atMs: number,
  world: World,
  onFault: (text: string, atMs: number) => void,
): void {
  if (fault.kind === "none") return;
  const kind = kindNamed(fault.kind);
  if (kind === undefined) {
    const known = faultKinds.map((each) => each.kind).join(", ");
    throw new RangeError(`there is no fault "${fault.kind}"; known are ${known}`);
  }
  const at = parseTarget(fault.target, world.scenario, kind.targets);
  if (typeof at === "string") throw new RangeError(`fault ${fault.kind}: ${at}`);
  const effect = kind.create({ world, target: fault.target, at }, fault.params);
  const run = { over: false };
  world.timeline.add(atMs, (nowMs) => {
    onFault(`${fault.kind} at ${fault.target}`, nowMs);
    effect.begin(nowMs);
    ramp(effect, fault.rampMs, nowMs, world, run);
    if (effect.everyMs > 0) repeat(effect, nowMs, world, run);
  });
  if (fault.holdMs !== undefined) {
    world.timeline.add(atMs + fault.holdMs, (nowMs) => {
      run.over = true;
      onFault(`${fault.kind} at ${fault.target} ends`, nowMs);
      effect.set(0, nowMs);
      effect.end(nowMs);
    });
  }
}

interface Run {
  over: boolean;
}

function ramp(effect: Effect, rampMs: number, fromMs: number, { timeline }: World, run: Run): void {
  if (rampMs === 0) {
    effect.set(1, fromMs);
    return;
  }
  for (let i = 1; i <= rampSteps; i++) {
    timeline.add(fromMs + (rampMs * i) / rampSteps, (nowMs) => {
      if (!run.over) effect.set(i / rampSteps, nowMs);
    });
  }
}

function repeat(effect: Effect, fromMs: number, { timeline }: World, run: Run): void {
  const again = (nowMs: number): void => {
    if (run.over) return;
    effect.run(nowMs);
    timeline.add(nowMs + effect.everyMs, again);
  };
  timeline.add(fromMs + effect.everyMs, again);
}
