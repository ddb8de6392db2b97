// The room that acts, with what it needs of the others, and what the API may ask of it.
import { type Act, createAct } from "../act/act.ts";
import type { ConnectorSpec } from "../act/connectors.ts";
import type { Place } from "../act/facts.ts";
import { verifyChain } from "../act/ledger/verify.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { KeptHead } from "../model/ledger.ts";
import type { ActDesk } from "../model/ports/act-desk.ts";
import type { HeedingNotifier } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { policiesOf, windowsOf } from "./config-act.ts";
import type { Config } from "./config-schema.ts";
import { killedByFile } from "./kill-file.ts";
import type { Lease } from "./lease.ts";
import { ledgerEntries } from "./ledger-entries.ts";
import type { State } from "./state.ts";
import { withDiagnosis } from "./with-diagnosis.ts";

export interface ActingMeans {
  readonly connectors: readonly ConnectorSpec[];
  readonly notifier: HeedingNotifier;
  readonly records: Records;
  readonly source: SeriesSource;
  readonly state: State;
  readonly lease: Pick<Lease, "elsewhere">;
  readonly entities: () => readonly Entity[];
  readonly openIncidents: () => number;
  readonly telemetry: Telemetry;
  /** Of people's decisions: the clock's time, as event time may stand still. */
  readonly now: () => Instant;
}

export interface Acting {
  readonly act: Act;
  readonly desk: ActDesk;
}

/** Entries that are read to judge the ledger: what is older is not looked at, and told by where the chain begins. */
export const ledgerMax = 200_000;

/** Takes up what an earlier run left in the ledger. */
export async function openActing(config: Config["act"], means: ActingMeans): Promise<Acting> {
  const { connectors, records, state } = means;
  const { killFile, killSwitch, storm } = config;
  const stopped = (): string | undefined =>
    killSwitch ? "the kill switch is on: act.killSwitch" : killFile === undefined ? undefined : killedByFile(killFile);
  const head = {
    load: async () => headIn(await state.load("ledger")),
    save: (end: KeptHead) => state.save("ledger", new TextEncoder().encode(JSON.stringify(end))),
  };
  const options = { policies: policiesOf(config), windows: windowsOf(config), storm, connectors };
  const notifier = withDiagnosis(means.notifier, means);
  const act = createAct(options, { ...means, notifier, head, stopped, elsewhere: means.lease.elsewhere, placeOf });

  function placeOf(target: EntityId): Place {
    const entity = means.entities().find(({ id }) => id === target);
    const { node, zone = entity?.labels["zone"] } = entity?.place ?? {};
    return { ...(node === undefined ? {} : { node }), ...(zone === undefined ? {} : { zone }) };
  }
  await act.restore();
  means.notifier.heed((change, ageMs) => act.clearance(change, ageMs, means.now()));
  const { people } = act;
  const { now, telemetry } = means;
  return {
    act,
    desk: {
      status: act.status,
      approve: (word) => people.approve(word, now()),
      deny: (word) => people.deny(word, now()),
      kill: (on, principal, reason) => people.kill(on, principal, reason, now()),
      report: (report) => act.reports.take(report, now()),
      replayed: (principal, says) => people.replayed(principal, says, now()),
      rearm: (concerns, principal, reason) => people.rearm(concerns, principal, reason, now()),
      turnedAway: (who, reason) =>
        people.turnedAway(who, reason, now()).catch((error: unknown) => {
          telemetry.log.error("a refusal is not in the ledger", { who, reason, error: String(error) });
        }),
      async ledger() {
        // Before the entries: one written meanwhile is no break.
        const head = act.status().ledger;
        return verifyChain(await ledgerEntries(records, ledgerMax), { head });
      },
    },
  };
}

function headIn(bytes: Uint8Array | undefined): KeptHead | undefined {
  try {
    const { sequence, hash, pending, killed } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<KeptHead>;
    if (!Number.isSafeInteger(sequence) || !/^[0-9a-f]{64}$/.test(hash ?? "")) return undefined;
    const more = { ...(Array.isArray(pending) ? { pending } : {}), ...(typeof killed === "string" ? { killed } : {}) };
    return { sequence: sequence!, hash: hash!, ...more };
  } catch {
    return undefined;
  }
}

const beatMs = 3000;

/** Beats until the result is called, which gives the lease back. */
export function keepLease(lease: Lease): () => void {
  lease.beat();
  const timer = setInterval(() => lease.beat(), beatMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    lease.release();
  };
}
