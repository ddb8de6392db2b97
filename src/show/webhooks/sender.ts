// What a sender of changes is: how it proves who it is, and how its payloads read.
import type { IncomingHttpHeaders } from "node:http";
import type { ChangeKind } from "../../model/change.ts";
import type { Instant } from "../../model/time.ts";

export const senderNames = ["github", "gitlab", "argocd", "flux", "mlflow"] as const;
export type SenderName = (typeof senderNames)[number];

/** A change as a sender tells it, before it is known what it changed here. */
export interface ToldChange {
  /** What makes it this one, so that the same delivery again, or another about the same, is no second change. */
  readonly key: string;
  readonly at: Instant | undefined;
  readonly kind: ChangeKind;
  /** What it is about as the sender names it, fullest first: `org/chat`, `chat`. */
  readonly names: readonly string[];
  readonly branch?: string | undefined;
  /** Not the branch that a repository is by default on: counts only where the configuration names it. */
  readonly sideBranch?: boolean;
  readonly environment?: string | undefined;
  readonly summary: string;
  /** Facts that it replaced. Empty values are left out later. */
  readonly before?: Facts;
  readonly after: Facts;
  /** Fact names that tell one course of versions from another: `environment`, `alias`. */
  readonly course: readonly string[];
  /** Counts only where the change is not known yet: it tells of an end whose beginning may have been told. */
  readonly unlessKnown?: true;
  /** The person or program behind it. */
  readonly actor?: string | undefined;
  readonly url?: string | undefined;
}

export type Facts = Readonly<Record<string, string | undefined>>;

export type Reading =
  | { readonly kind: "change"; readonly change: ToldChange }
  /** Understood, and no change: acknowledged and counted. */
  | { readonly kind: "ignored"; readonly why: string }
  /** Not what the sender's documentation says. */
  | { readonly kind: "wrong"; readonly place: string; readonly detail: string };

export interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Sender {
  readonly name: SenderName;
  /** What it sends, for the API's documentation. */
  readonly says: string;
  /** Whether one of the secrets signed it; `nowMs` is wall time, `toleranceMs` how old a signed time may be. */
  verify(delivery: Delivery, secrets: readonly string[], nowMs: number, toleranceMs: number): Verdict;
  read(json: unknown, headers: IncomingHttpHeaders): Reading;
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly why: string };

export const ignored = (why: string): Reading => ({ kind: "ignored", why });

export const shortSha = (sha: string): string => sha.slice(0, 12);

/** The first line of a text of several. */
export const firstLine = (text: string | undefined): string => (text ?? "").split(/\r?\n/, 1)[0]!.trim();

/** RFC 3339, or GitLab's `2026-11-02 12:55:12 UTC`; undefined for what is no time. */
export function timeOf(text: string | null | undefined): Instant | undefined {
  const at = Date.parse(text ?? "");
  return Number.isFinite(at) ? at : undefined;
}
