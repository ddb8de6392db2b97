// What people and programs may ask of the room that acts.
import type { Action, ActionState, PolicyOnTarget, ReportedOutcome } from "../action.ts";
import type { LedgerHead, LedgerReport } from "../ledger.ts";
import type { Principal } from "../principal.ts";
import type { Instant } from "../time.ts";

export interface ActDesk {
  status(): ActStatus;
  /** Counts towards the quorum; the last one lets the attempt pass where nothing else holds it. Rejects when the ledger fails. */
  approve(word: Word): Promise<Decided>;
  /** Ends it, unless it is under way. */
  deny(word: Word): Promise<Decided>;
  /** While on, nothing is sent. */
  kill(on: boolean, principal: Principal, reason: string): Promise<void>;
  /** Lets a demoted policy act by itself again on the target. */
  rearm(concerns: PolicyOnTarget, principal: Principal, reason: string): Promise<Rearmed>;
  /** A receiver says what became of an action. Its word ends an attempt or begins verification, and never stands in for it. */
  report(report: Report): Promise<Reported>;
  /** A message that did not get through is about to be sent again on somebody's word. Rejects when the ledger fails. */
  replayed(principal: Principal, says: string): Promise<void>;
  /** Somebody was turned away at the door: who, and from what. Never rejects. */
  turnedAway(who: string, reason: string): Promise<void>;
  /** Reads the whole ledger and says whether it is what was written. */
  ledger(): Promise<LedgerReport>;
}

export interface ActStatus {
  /** Why the kill switch is on; absent while it is off. */
  readonly killed?: string;
  /** Where the ledger ends. */
  readonly ledger: LedgerHead;
  /** Policies that ask for approval on a target, since an automatic repair did not help there. */
  readonly demoted: readonly Demotion[];
  /** Repairs that are not over. */
  readonly open: readonly OpenAction[];
}

export interface OpenAction {
  readonly action: Action;
  readonly state: ActionState;
  /** By whom and why it is held. */
  readonly heldBy?: string;
  readonly reason: string;
  /** SHA-256 of kind, target and parameters: an approval names it. */
  readonly hash: string;
  /** Where it waits for people: who has approved, how many are needed, until when. */
  readonly waits?: { readonly approvedBy: readonly string[]; readonly needed: number; readonly until: Instant };
}

/** A decision about one action. */
export interface Word {
  /** The action's id in the ledger. */
  readonly id: string;
  /** SHA-256 of kind, target and parameters, as whoever decides was shown it. */
  readonly hash: string;
  readonly principal: Principal;
  readonly says: string;
}

export interface Report {
  /** Idempotency key of the action, with its attempt. */
  readonly key: string;
  readonly outcome: ReportedOutcome;
  /** For people; one line, without secrets. */
  readonly says: string;
  /** It is about taking the action back. */
  readonly undo: boolean;
  /** Receivers whose key signed it. None: whoever has a token says so. */
  readonly signedBy: readonly string[];
  /** Receivers that have a key: of what they were asked they have to sign. */
  readonly signers: readonly string[];
  /** Name of whoever has the token. */
  readonly by: string | undefined;
}

export type Reported =
  /** In the ledger, and it counts. */
  | { readonly kind: "noted"; readonly says: string }
  /** Said before, or of an attempt that is over: it changes nothing. */
  | { readonly kind: "known" | "over"; readonly says: string }
  | Refused;

export type Decided =
  | { readonly kind: "approved"; readonly given: number; readonly needed: number }
  | { readonly kind: "denied" }
  | Refused;

export interface Demotion extends PolicyOnTarget {
  readonly at: Instant;
  readonly reason: string;
}

export type Rearmed = { readonly kind: "rearmed" } | Refused;

export interface Refused {
  readonly kind: "refused";
  readonly why: "forbidden" | "unknown" | "conflict";
  readonly reason: string;
}
