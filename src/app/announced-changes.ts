// Changes that are told to all who must know of them.
import type { ChangeEvent } from "../model/change.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Store } from "../store/store.ts";

/** The change log, with every accepted change told to those who follow, and to detection: it explains shifts. */
export function announced(store: Store, feed: EventFeed, changed: (event: ChangeEvent) => void): Store["changes"] {
  return {
    ...store.changes,
    async add(event) {
      await store.changes.add(event);
      changed(event);
      feed.publish({ type: "change", at: event.at, text: event.summary, data: { ...event } });
    },
  };
}
