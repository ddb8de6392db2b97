// Publishing and following what happens.
import type { TimelineEvent } from "../event.ts";

export interface EventFeed {
  publish(event: TimelineEvent): void;
  /** Calls `listener` for every event from now on; the result stops it. A listener that throws is dropped and counted. */
  follow(listener: (event: TimelineEvent) => void): () => void;
}
