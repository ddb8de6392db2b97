// What people say: approve, deny, stop everything. Whatever is refused to them is in the ledger too.
import type { Action, LedgerEntry, PolicyOnTarget } from "../model/action.ts";
import type { Decided, Rearmed, Refused, Word } from "../model/ports/act-desk.ts";
import type { Principal } from "../model/principal.ts";
import type { Instant } from "../model/time.ts";
import { approversOf, bindingOf, mayDecide, refuseApproval } from "./approvals.ts";
import type { Desk, Turn } from "./desk.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { isUnderWay, type Repair } from "./repairs.ts";
import { roomAction } from "./room-action.ts";

export interface People {
  /** Counts towards the quorum; the last one lets the attempt pass where nothing else holds it. */
  approve(word: Word, now: Instant): Promise<Decided>;
  /** Ends it, whatever it waits for, unless it is under way. */
  deny(word: Word, now: Instant): Promise<Decided>;
  /** While on, nothing is sent: no request, no undo, no escalation. On takes effect before this returns. */
  kill(on: boolean, principal: Principal, reason: string, now: Instant): Promise<void>;
  /** Ends a demotion. */
  rearm(concerns: PolicyOnTarget, principal: Principal, reason: string, now: Instant): Promise<Rearmed>;
  /** Something that was not delivered is sent again on somebody's word. Rejects when the ledger fails: then it must not be. */
  replayed(principal: Principal, says: string, now: Instant): Promise<void>;
  /** Somebody was turned away at the door: who, from what, why. */
  turnedAway(who: string, reason: string, now: Instant): Promise<void>;
}

/** Refusals that are written in a minute; those beyond are counted. */
const refusalsMax = 30;

export function createPeople(
  desk: Desk,
  life: Lifecycle,
  room: { exclusively<T>(work: () => Promise<T>): Promise<T>; tell(entries: readonly LedgerEntry[]): void },
): People {
  const { deps, ledger, repairs, killSwitch, demotions } = desk;
  const { records, telemetry } = deps;
  let minute = 0;
  let written = 0;
  let beyond = 0;

  async function audit(who: string, action: Action, reason: string, now: Instant): Promise<void> {
    telemetry.count("homeostat.act.refused");
    const current = Math.floor(now / 60_000);
    if (current !== minute) [minute, written] = [current, 0];
    if (written++ >= refusalsMax) {
      beyond++;
      telemetry.count("homeostat.act.dropped", 1, { reason: "too-many-refusals" });
      return;
    }
    const more = beyond === 0 ? "" : ` (and ${beyond} more before, of which only the number is known)`;
    beyond = 0;
    room.tell([await ledger.write({ action, state: "refused", at: now, by: who, reason: `${reason}${more}` })]);
  }

  /** Decides, and writes down a refusal. A ledger that fails rejects: nothing is decided then. */
  function decided(word: Word, now: Instant, work: (repair: Repair, turn: Turn) => Promise<Decided>): Promise<Decided> {
    return room.exclusively(async () => {
      const repair = [...repairs.values()].find(({ action, over }) => action.id === word.id && !over);
      const turn: Turn = { now, out: [] };
      const answer = await answerTo(word, repair, (known) => work(known, turn));
      room.tell(turn.out);
      if (answer.kind === "refused")
        await audit(word.principal.name, repair?.action ?? roomAction("doors", now), answer.reason, now);
      return answer;
    });
  }

  return {
    approve: (word, now) =>
      decided(word, now, async (repair, turn) => {
        const policy = demotions.policyFor(repair.action);
        const refused = await refuseApproval(word, repair, policy, records, now);
        if (refused !== undefined) return refused;
        const { action } = repair;
        const { name } = word.principal;
        const needed = policy.approval.quorum;
        const given = approversOf(repair, policy, now).length + 1;
        const reason = `${given} of ${needed}${word.says === "" ? "" : `: ${word.says}`}`;
        const { id, mode } = policy;
        const approves = bindingOf(action);
        const entry = { action, state: "approved", at: now, by: name, reason, policy: { id, mode }, approves } as const;
        turn.out.push(await ledger.write(entry));
        repair.approvals.set(name, { at: now, binding: approves });
        if (given >= needed) await life.guarded(repair, turn, () => life.decide(repair, turn));
        return { kind: "approved", given, needed };
      }),
    deny: (word, now) =>
      decided(word, now, async (repair, turn) => {
        const conflict = (reason: string): Refused => ({ kind: "refused", why: "conflict", reason });
        if (isUnderWay(repair)) return conflict(`action ${word.id} is under way already`);
        if (word.hash !== bindingOf(repair.action))
          return conflict(`what was denied is not what would run: the hash of action ${word.id} is another`);
        await life.deny(repair, word.principal.name, word.says === "" ? "denied" : word.says, turn);
        return { kind: "denied" };
      }),
    async kill(on, { name }, reason, now) {
      room.tell([await killSwitch.throwIt(on, name, reason, now)]);
    },
    rearm: (concerns, principal, reason, now) =>
      room.exclusively(async () => {
        const refuse = async (why: Refused["why"], says: string): Promise<Refused> => {
          await audit(principal.name, roomAction("doors", now), says, now);
          return { kind: "refused", why, reason: says };
        };
        if (!mayDecide(principal)) return refuse("forbidden", `${principal.name} may not decide about policies`);
        const entry = await demotions.rearm(concerns, principal.name, reason, now);
        if (entry === undefined) return refuse("unknown", "no such policy is demoted on this target");
        room.tell([entry]);
        return { kind: "rearmed" };
      }),
    async replayed({ name }, reason, now) {
      room.tell([
        await ledger.write({ action: roomAction("doors", now), state: "replayed", at: now, by: name, reason }),
      ]);
    },
    turnedAway: (who, reason, now) => audit(who, roomAction("doors", now), reason, now),
  };
}

async function answerTo(
  { principal }: Word,
  repair: Repair | undefined,
  work: (repair: Repair) => Promise<Decided>,
): Promise<Decided> {
  if (!mayDecide(principal))
    return { kind: "refused", why: "forbidden", reason: `${principal.name} may not decide about actions` };
  if (repair === undefined) return { kind: "refused", why: "unknown", reason: "no action of this id waits" };
  return work(repair);
}
