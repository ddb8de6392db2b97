// Repairs, carefully: proposed, held back by what speaks against them, sent, verified against the time before, undone.
import type { Action, LedgerEntry, Proposal } from "../model/action.ts";
import type { ActStatus } from "../model/ports/act-desk.ts";
import type { Clearance, FleetChange } from "../model/ports/notifier.ts";
import type { Instant } from "../model/time.ts";
import { clearanceFor } from "./clearance.ts";
import { createDemotions } from "./demotions.ts";
import type { ActDeps, ActOptions, Desk, Turn } from "./desk.ts";
import { createLedger } from "./ledger/writer.ts";
import { createLifecycle } from "./lifecycle.ts";
import { openActions } from "./open-actions.ts";
import { createPeople, type People } from "./people.ts";
import { didNotHelp, fromLedger, mayBeProposedAgain, newRepair, numbered } from "./repairs.ts";
import { createReports, type Reports } from "./reports.ts";
import { createKillSwitch } from "./switch.ts";

export interface Act {
  /** Takes up a proposal, or thinks again about one that is held. Tells what was written to the ledger. */
  propose(proposal: Proposal, now: Instant): Promise<readonly LedgerEntry[]>;
  /** Goes on with everything in progress: looks at deliveries, verifies, tries again. Event time. */
  step(now: Instant): Promise<readonly LedgerEntry[]>;
  /** People's part: approvals, denials, the switch. */
  readonly people: People;
  /** What receivers say of what they were asked for. */
  readonly reports: Reports;
  /** Whether a message that changes the fleet may still go, `ageMs` after it was written. */
  clearance(change: FleetChange, ageMs: number, now: Instant): Clearance;
  /** Takes up what an earlier run left in the ledger; before the first step. */
  restore(): Promise<void>;
  /** Repairs that are not over, the switch, and where the ledger ends. */
  status(): ActStatus;
}

const repairsMax = 1000;
const keepMs = 24 * 3_600_000;

export function createAct(options: ActOptions, deps: ActDeps): Act {
  const { records, telemetry } = deps;
  const ledger = createLedger(records, deps.head);
  const killSwitch = createKillSwitch(deps, ledger);
  const demotions = createDemotions(options.policies, ledger);
  const desk: Desk = {
    options,
    deps,
    ledger,
    repairs: new Map(),
    killSwitch,
    demotions,
    stormUntil: Number.NEGATIVE_INFINITY,
  };
  const { repairs } = desk;
  const life = createLifecycle(desk);
  /** Written on people's word; told with the next step. */
  let untold: LedgerEntry[] = [];
  let tail: Promise<unknown> = Promise.resolve();

  /** One thing at a time: two decisions about the same fleet must see each other. */
  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = tail.then(work, work);
    tail = done.catch(() => {});
    return done;
  }

  function forget(now: Instant): void {
    for (const [key, repair] of repairs) if (repair.over && now - repair.touchedAt > keepMs) repairs.delete(key);
  }

  /** The first action of the ladder that was not tried in vain. */
  function rungOf({ action, otherwise = [] }: Proposal): { action: Action; otherwise: readonly Action[] } {
    const ladder = [action, ...otherwise];
    const tried = (one: Action): boolean => {
      const repair = repairs.get(one.idempotencyKey);
      return repair !== undefined && didNotHelp(repair);
    };
    const first = ladder.findIndex((one) => !tried(one));
    return first < 0 ? { action, otherwise: [] } : { action: ladder[first]!, otherwise: ladder.slice(first + 1) };
  }

  const tell = (entries: readonly LedgerEntry[]): void => void untold.push(...entries);
  const people = createPeople(desk, life, { exclusively, tell });

  return {
    propose: (proposal, now) =>
      exclusively(async () => {
        const { action, otherwise } = rungOf(proposal);
        const turn: Turn = { now, out: [] };
        const { out } = turn;
        forget(now);
        const known = repairs.get(action.idempotencyKey);
        if (known !== undefined && !mayBeProposedAgain(known)) return out;
        if (known === undefined && repairs.size >= repairsMax) {
          telemetry.count("homeostat.act.dropped", 1, { reason: "too-many-repairs" });
          return out;
        }
        const repair = known === undefined || known.over ? newRepair(action, now, { otherwise }) : known;
        repairs.set(repair.key, repair);
        await life.guarded(repair, turn, async () => {
          if (repair.state === "proposed") await life.begin(repair, turn);
          // Held: the newer thought counts, but an attempt that waits out its pause goes on waiting.
          const cooling = repair.hold?.by === "cooldown" && (repair.hold.retryAt ?? 0) > now;
          repair.proposal = action;
          repair.action = numbered(action, repair.attempt);
          if (!cooling) await life.decide(repair, turn);
        });
        return out;
      }),
    step: (now) =>
      exclusively(async () => {
        const turn: Turn = { now, out: untold };
        untold = [];
        forget(now);
        for (const repair of repairs.values())
          if (!repair.over) await life.guarded(repair, turn, () => life.goOn(repair, turn));
        return turn.out;
      }),
    restore: () =>
      exclusively(async () => {
        const newest = await records.list("actions", { limit: 1000 });
        const written = await ledger.continueAfter(newest);
        await killSwitch.restore(records);
        await demotions.restore(records);
        for (const repair of fromLedger([...written.toReversed(), ...newest])) {
          repairs.set(repair.key, repair);
          // The same message id: whoever delivered it already does not deliver it twice.
          repair.resend = repair.state === "sent";
        }
      }),
    people,
    reports: createReports(desk, { exclusively, tell, turnedAway: people.turnedAway }),
    clearance: (change, ageMs, now) => clearanceFor(desk, change, ageMs, now),
    status() {
      const killed = killSwitch.on();
      const told = { ledger: ledger.head(), demoted: demotions.current(), open: openActions(desk) };
      return { ...(killed === undefined ? {} : { killed }), ...told };
    },
  };
}
