// One reason to hold an action back.
import type { Action, Verdict } from "../model/action.ts";
import type { Instant } from "../model/time.ts";
import type { Facts } from "./facts.ts";

/** Pure: the same action, facts and time give the same verdict. */
export interface Stage {
  readonly name: string;
  check(action: Action, facts: Facts, now: Instant): Verdict;
}
