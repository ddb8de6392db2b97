// Everything that can hold an action back, in the order in which it is asked. The first that holds is the answer.
import type { Action, Verdict } from "../model/action.ts";
import type { Instant } from "../model/time.ts";
import type { Facts } from "./facts.ts";
import type { Stage } from "./stage.ts";
import { attempts } from "./stages/attempts.ts";
import { blastRadius } from "./stages/blast-radius.ts";
import { cooldown } from "./stages/cooldown.ts";
import { evidence } from "./stages/evidence.ts";
import { executor } from "./stages/executor.ts";
import { freeze } from "./stages/freeze.ts";
import { freshness } from "./stages/freshness.ts";
import { killSwitch } from "./stages/kill-switch.ts";
import { knownTarget } from "./stages/known-target.ts";
import { lock } from "./stages/lock.ts";
import { minHealthy } from "./stages/min-healthy.ts";
import { mode } from "./stages/mode.ts";
import { safety } from "./stages/safety.ts";
import { storm } from "./stages/storm.ts";

/** What can never be waited out comes first, so that the reason given is the one that matters. */
export const stages: readonly Stage[] = [
  mode,
  killSwitch,
  executor,
  safety,
  knownTarget,
  evidence,
  freeze,
  storm,
  freshness,
  attempts,
  lock,
  cooldown,
  blastRadius,
  minHealthy,
];

export function passStages(action: Action, facts: Facts, now: Instant): Verdict {
  for (const stage of stages) {
    const verdict = stage.check(action, facts, now);
    if (verdict.kind === "hold") return verdict;
  }
  return { kind: "pass" };
}
