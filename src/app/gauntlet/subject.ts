// Who a scenario is played to: takes telemetry and changes in, thinks when time goes on, and tells.
import type { ChangeEvent } from "../../model/change.ts";
import type { Entity } from "../../model/entity.ts";
import type { EventFeed } from "../../model/ports/event-feed.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Instant } from "../../model/time.ts";
import type { Recorded } from "../../simulate/otlp.ts";

export interface Subject extends AsyncDisposable {
  readonly feed: Pick<EventFeed, "follow">;
  readonly head: { readonly source: SeriesSource; entities(): readonly Entity[] };
  /** Rejects if something sent was not taken: a run that lost telemetry says nothing. */
  take(recorded: Recorded, changes: readonly ChangeEvent[]): Promise<void>;
  /** Time goes on to `at`. */
  step(at: Instant): Promise<void>;
}
