// The kill switch: thrown at once, taken back only once that is in the ledger; it stays as it is over a restart.
import type { LedgerEntry } from "../model/action.ts";
import type { Records } from "../model/ports/records.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { Ledger } from "./ledger/writer.ts";
import { roomAction } from "./room-action.ts";

export interface KillSwitch {
  /** Why nothing may be sent; undefined while the switch is off. Asked before every message. */
  on(): string | undefined;
  throwIt(on: boolean, by: string, reason: string, now: Instant): Promise<LedgerEntry>;
  restore(records: Records): Promise<void>;
}

interface Means {
  readonly telemetry: Telemetry;
  /** Why nothing may be sent, as configuration or a file says. */
  readonly stopped: () => string | undefined;
}

/** Of the switch's own entries, so many are looked at for the last that counts. */
const entriesMax = 20;

export function createKillSwitch({ telemetry, stopped }: Means, ledger: Ledger): KillSwitch {
  let thrown: string | undefined;

  function set(why: string | undefined): void {
    thrown = why;
    telemetry.gauge("homeostat.act.killed", why === undefined ? 0 : 1);
  }

  return {
    on: () => thrown ?? stopped(),
    async throwIt(on, by, reason, now) {
      const says = `${by}${reason === "" ? "" : `: ${reason}`}`;
      if (on) set(`the kill switch is on, by ${says}`);
      telemetry.log.warn(`kill switch ${on ? "on: nothing is sent" : "off"}`, { by, reason });
      const action = roomAction("switch", now);
      if (on) await ledger.keepKilled(thrown);
      const entry = await ledger.write({ action, state: on ? "killed" : "revived", at: now, by, reason });
      if (!on) {
        await ledger.keepKilled(undefined);
        set(undefined);
      }
      return entry;
    },
    async restore(records) {
      if (ledger.killed() !== undefined) return set(ledger.killed());
      const { id } = roomAction("switch", 0);
      const entries = await records.list("actions", { id, limit: entriesMax });
      const gone = new Set(entries.map(({ voids }) => voids));
      const last = entries
        .filter(({ state, sequence }) => state !== "void" && !gone.has(sequence))
        .reduce<LedgerEntry | undefined>((a, b) => ((b.sequence ?? 0) > (a?.sequence ?? 0) ? b : a), undefined);
      // A throw that is void was heard of all the same: on doubt the switch is on.
      const doubt = entries.some(
        ({ state, sequence }) => state === "killed" && (sequence ?? 0) > (last?.sequence ?? 0),
      );
      if (last?.state === "killed") set(`the kill switch is on, by ${last.by}: ${last.reason}`);
      else if (doubt) set("the kill switch may be on: the ledger is not sure; switch it off to go on");
    },
  };
}
