// What the agent took on and what became of it, on disk: nothing runs twice, before or after a restart.
import type { StepResult, UndoToken, Values } from "./executor.ts";
import { openLines } from "./lines.ts";

/** What became of a request; goes back to who asked. */
export interface Result {
  readonly outcome: StepResult["outcome"];
  readonly says: string;
  readonly steps: readonly (Omit<StepResult, "undo"> & { readonly use: string })[];
  /** By step, counted from 0: what can be taken back. */
  readonly undo: readonly (UndoToken & { readonly step: number })[];
  /** Unix ms. */
  readonly startedAt?: number;
  readonly endedAt: number;
}

export interface Entry {
  /** `webhook-id` of the request. */
  readonly id: string;
  readonly type: "action.requested" | "action.undo";
  readonly key: string;
  readonly action: string;
  readonly target: string;
  readonly parameters: Values;
  /** Unix ms: when it was taken, or refused. */
  readonly at: number;
  /** `refused`: at the door; it never waited for a turn. */
  readonly state: "accepted" | "started" | "ended" | "refused";
  readonly result?: Result;
  /** Asked under another id for what the entry of this id does. */
  readonly sameAs?: string;
}

export interface Journal {
  byId(id: string): Entry | undefined;
  /** The one that runs, or ran, under this idempotency key. */
  byKey(type: Entry["type"], key: string): Entry | undefined;
  all(): Iterable<Entry>;
  /** Durable when it returns; replaces what was known under the id. Throws if the disk does not take it. */
  put(entry: Entry): void;
  /** Whether there is room for another one. */
  readonly isFull: () => boolean;
  close(): void;
}

const entriesMax = 50_000;
const bytesMax = 256 * 1024 * 1024;

/** Forgets, when it is opened and now and then, what ended longer than `rememberMs` ago. */
export function openJournal(file: string, rememberMs: number, now: () => number): Journal {
  const lines = openLines(file, bytesMax);
  const entries = new Map<string, Entry>();
  const keys = new Map<string, string>();
  for (const entry of lines.found as readonly Entry[]) index(entry);
  let appended = 0;
  compact();

  function index(entry: Entry): void {
    entries.set(entry.id, entry);
    if (entry.sameAs === undefined && entry.state !== "refused") keys.set(`${entry.type} ${entry.key}`, entry.id);
  }

  function compact(): void {
    const oldest = now() - rememberMs;
    for (const entry of entries.values()) {
      const over = entry.state === "ended" || entry.state === "refused";
      if (!over || (entry.result?.endedAt ?? entry.at) >= oldest) continue;
      entries.delete(entry.id);
      if (keys.get(`${entry.type} ${entry.key}`) === entry.id) keys.delete(`${entry.type} ${entry.key}`);
    }
    lines.rewrite(entries.values());
    appended = 0;
  }

  return {
    byId: (id) => entries.get(id),
    byKey(type, key) {
      const id = keys.get(`${type} ${key}`);
      return id === undefined ? undefined : entries.get(id);
    },
    all: () => entries.values(),
    put(entry) {
      lines.append(entry);
      index(entry);
      appended++;
      if (appended > 1000 + entries.size) compact();
    },
    isFull: () => {
      if (entries.size >= entriesMax) compact();
      return entries.size >= entriesMax;
    },
    close: () => lines.close(),
  };
}
