// Repairs in progress: one for each idempotency key, with all its attempts; and what is rebuilt of them from the ledger.
import {
  type Action,
  type ActionState,
  actionStates,
  type LedgerEntry,
  type LedgerState,
  type ReportedOutcome,
} from "../model/action.ts";
import type { EntityId } from "../model/entity.ts";
import type { DeliveryOutcome } from "../model/ports/notifier.ts";
import type { Instant } from "../model/time.ts";
import type { Past, Place, TargetFacts } from "./facts.ts";
import { startVerification, type Verification } from "./verification.ts";

export interface Repair {
  /** Of the proposal, the same for all attempts. */
  readonly key: string;
  /** As proposed, before it is numbered. */
  proposal: Action;
  /** The current attempt, counted from 1. */
  attempt: number;
  action: Action;
  state: ActionState;
  /** While held: by whom, why, and when to look again (absent: when somebody approves or proposes again). */
  hold: { readonly by: string; readonly reason: string; readonly retryAt?: Instant } | undefined;
  heldSince: Instant;
  /** By name: when it was given, and the hash of what was approved. */
  readonly approvals: Map<string, { readonly at: Instant; readonly binding: string }>;
  target: TargetFacts | undefined;
  /** How delivery of this attempt ended; delivery itself is not waited for. */
  outcome: DeliveryOutcome | undefined;
  /** Written down as sent by an earlier run; whether it went out is not known. */
  resend: boolean;
  /** What the receiver said of this attempt and nobody has gone by yet. */
  report: { readonly outcome: ReportedOutcome; readonly reason: string } | undefined;
  /** What receivers said, as idempotency key and outcome. */
  readonly heard: string[];
  verification: Verification | undefined;
  /** Of the last attempt that was judged. */
  verdict: LedgerEntry["verdict"];
  readonly sends: { readonly at: Instant; readonly domain: string }[];
  /** What to try if it does not help, in this order. */
  readonly otherwise: readonly Action[];
  /** It follows another repair that did not help. */
  readonly follows: boolean;
  /** Nothing more will happen. */
  over: boolean;
  /** Who denied it: the same repair of the same incident is not asked for again. */
  refusedBy: string | undefined;
  touchedAt: Instant;
}

export interface Rung {
  readonly otherwise?: readonly Action[];
  readonly follows?: boolean;
}

export function newRepair(proposal: Action, now: Instant, { otherwise = [], follows = false }: Rung = {}): Repair {
  return {
    otherwise,
    follows,
    key: proposal.idempotencyKey,
    proposal,
    attempt: 1,
    action: numbered(proposal, 1),
    state: "proposed",
    hold: undefined,
    heldSince: now,
    approvals: new Map(),
    target: undefined,
    outcome: undefined,
    resend: false,
    report: undefined,
    heard: [],
    verification: undefined,
    verdict: undefined,
    sends: [],
    over: false,
    refusedBy: undefined,
    touchedAt: now,
  };
}

/** The action of one attempt: a key of its own, so that a receiver tells a new attempt from a repeat of the last. */
export function numbered(proposal: Action, attempt: number): Action {
  return { ...proposal, id: `${proposal.id}-${attempt}`, idempotencyKey: `${proposal.idempotencyKey}-${attempt}` };
}

/** Held, or over without having been tried and without anybody's no. */
export function mayBeProposedAgain({ state, over, sends, refusedBy }: Repair): boolean {
  if (state === "denied") return refusedBy === undefined && sends.length === 0;
  return state === "held" && !(over && sends.length > 0);
}

/** Tried as often as may be, and it did not help. Where nobody can tell, a person is to look first. */
export function didNotHelp({ state, over, sends, verdict }: Repair): boolean {
  return over && sends.length > 0 && (state === "failed" || state === "undone") && verdict !== "inconclusive";
}

/** Something was tried before it: it comes after a pause, and not at all where that helped after all. */
export function isLater({ attempt, follows }: Repair): boolean {
  return attempt > 1 || follows;
}

export function isUnderWay({ state, over }: Repair): boolean {
  return !over && (state === "sent" || state === "accepted" || state === "verifying");
}

export function pastOf(repairs: Iterable<Repair>, placeOf: (target: EntityId) => Place): readonly Past[] {
  return [...repairs].flatMap((repair) =>
    repair.sends.map(({ at, domain }, i) => ({
      repair: repair.key,
      target: repair.proposal.target,
      domain,
      sentAt: at,
      place: placeOf(repair.proposal.target),
      underWay: isUnderWay(repair) && i === repair.sends.length - 1,
    })),
  );
}

/**
 * Repairs as the ledger tells them, in any order where entries are chained, else newest first as `Records.list` gives them. What was under way goes on: a request
 * that was written down but not answered is sent again under the same id, and verification starts over.
 */
export function fromLedger(entries: readonly LedgerEntry[]): readonly Repair[] {
  const repairs = new Map<string, Repair>();
  // An approval's time is the wall's, a step's is the event's: only the chain tells which came first.
  const inOrder = effective(entries);
  for (const { action, state, at, by, reason, approves, reports, verdict } of inOrder) {
    const match = /^(.+)-(\d+)$/.exec(action.idempotencyKey);
    const id = /^(.+)-(\d+)$/.exec(action.id);
    if (match === null || id === null) continue;
    const proposal = { ...action, id: id[1]!, idempotencyKey: match[1]! };
    const repair = repairs.get(match[1]!) ?? newRepair(proposal, at);
    repairs.set(repair.key, repair);
    if (state === "approved" && approves !== undefined) repair.approvals.set(by, { at, binding: approves });
    if (state === "reported" && reports !== undefined) {
      repair.heard.push(`${action.idempotencyKey} ${reports}`);
      if (reports !== "running") repair.report = { outcome: reports, reason: `${by} says ${reason}` };
    }
    if (!isActionState(state)) continue;
    repair.report = undefined;
    repair.proposal = proposal;
    if (repair.attempt !== Number(match[2])) repair.approvals.clear();
    repair.attempt = Number(match[2]);
    repair.action = action;
    repair.state = state;
    repair.touchedAt = at;
    repair.verdict = verdict ?? repair.verdict;
    repair.hold = state === "held" ? { by, reason, retryAt: at } : undefined;
    repair.over = overStates.has(state) || by === "expiry" || by === "recovered";
    repair.refusedBy = state === "denied" && by !== "expiry" ? by : undefined;
    if (state === "sent") repair.sends.push({ at, domain: action.domain });
    if (state === "accepted" || state === "verifying") repair.verification ??= startVerification(at);
    else repair.verification = undefined;
  }
  return [...repairs.values()];
}

const overStates: ReadonlySet<ActionState> = new Set(["verified", "failed", "undone", "denied"]);

function isActionState(state: LedgerState): state is ActionState {
  return (actionStates as readonly LedgerState[]).includes(state);
}

/** In the order of writing, each once, without what is void. */
export function effective(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const gone = new Set(entries.map(({ voids }) => voids).filter((one) => one !== undefined));
  return entries
    .toReversed()
    .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))
    .filter(({ sequence, state }) => {
      const counts = state !== "void" && (sequence === undefined || !gone.has(sequence));
      if (sequence !== undefined) gone.add(sequence);
      return counts;
    });
}
