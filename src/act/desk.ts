// What the parts of act share: what they were given, what is in progress, and the switch.
import type { LedgerEntry } from "../model/action.ts";
import type { HeadKeeper } from "../model/ledger.ts";
import type { Notifier } from "../model/ports/notifier.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import type { ConnectorSpec } from "./connectors.ts";
import type { Ledger } from "./ledger/writer.ts";
import type { Policy } from "./policy.ts";
import type { Repair } from "./repairs.ts";
import type { KillSwitch } from "./switch.ts";

export interface ActOptions {
  readonly policies: readonly Policy[];
  readonly connectors: readonly ConnectorSpec[];
}

export interface ActDeps {
  readonly notifier: Notifier;
  readonly records: Records;
  /** Keeps the end of the ledger's chain over a restart. */
  readonly head: HeadKeeper;
  readonly source: SeriesSource;
  readonly telemetry: Telemetry;
}

export interface Desk {
  readonly options: ActOptions;
  readonly deps: ActDeps;
  readonly ledger: Ledger;
  readonly repairs: Map<string, Repair>;
  readonly killSwitch: KillSwitch;
}

/** One stretch of thinking: its event time, and what it wrote to the ledger. */
export interface Turn {
  readonly now: Instant;
  readonly out: LedgerEntry[];
}
