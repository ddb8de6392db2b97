// Between doors and journal: admission, decoding, group commit, resends. A request is acknowledged when the journal has it.
import type { Journal } from "../model/ports/journal.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { FromDecoder, TenantSealed } from "./decode-messages.ts";
import { startDecodeThread } from "./decode-thread.ts";
import type { DecodeAnswer, Encoding, Signal } from "./decoder.ts";
import { type DecodeOptions, limits } from "./limits.ts";
import { createRateLimiter, type TenantRates } from "./rates.ts";
import { createShares } from "./shares.ts";
import { createTextBook, type ServiceText } from "./text-book.ts";

export type IntakeAnswer =
  /** Durable. `says` is what was rejected or mended, empty if nothing. */
  | { readonly kind: "accepted"; readonly rejected: number; readonly says: string }
  /** Will never be taken: the client must not send it again. */
  | { readonly kind: "malformed" | "too-large" | "failed"; readonly says: string }
  /** Not now: the client should try again. */
  | { readonly kind: "busy"; readonly says: string };

export interface Intake extends AsyncDisposable {
  /** Whether a request of this signal may come in now; says why not, and whose the trouble is. */
  refusal(tenant: string, signal: Signal): Refusal | undefined;
  /** Claims memory for bytes of a body; false if there is none left for this tenant. */
  claim(tenant: string, bytes: number): boolean;
  release(tenant: string, bytes: number): void;
  /** `body` is handed over. `key` is the content hash of tenant, signal and body. */
  submit(request: {
    readonly tenant: string;
    readonly signal: Signal;
    readonly encoding: Encoding;
    readonly body: Uint8Array;
    readonly key: string;
  }): Promise<IntakeAnswer>;
  /** By service: whether model calls bring text. */
  textCoverage(): readonly ServiceText[];
  /** Ends the decoding thread as a crash would; for tests. */
  killDecoder(): Promise<void>;
}

/**
 * `busy` is our trouble: overload, disk, store. The client can only wait. `limited` is the client's: it sends faster than
 * its tenant may, and should send less.
 */
export interface Refusal {
  readonly kind: "busy" | "limited";
  readonly says: string;
  readonly retryAfterSeconds: number;
}

export interface IntakeOptions extends DecodeOptions {
  /** How fast tenants may send; absent: as fast as there is room. */
  readonly rates?: TenantRates;
}

interface Pending {
  readonly tenant: string;
  readonly key: string;
  readonly signal: Signal;
  readonly answer: Promise<IntakeAnswer>;
  readonly settle: (answer: IntakeAnswer) => void;
  decoded?: Extract<DecodeAnswer, { kind: "decoded" }>;
}

const taken: IntakeAnswer = { kind: "accepted", rejected: 0, says: "" };

export function openIntake(
  options: IntakeOptions,
  deps: { journal: Journal; telemetry: Telemetry; now: () => number },
): Intake {
  const { journal, telemetry, now } = deps;
  /** Sent to the decoder, not answered. */
  const decoding = new Map<number, Pending>();
  /** Decoded, not yet sealed. */
  let group: Pending[] = [];
  const byKey = new Map<string, Pending>();
  let ids = 0;
  const { rates = { otherwise: {}, tenants: {} }, ...decodeOptions } = options;
  const rateLimiter = createRateLimiter(rates);
  const memory = createShares(limits.inFlightBytes);
  const requestsInFlight = createShares(limits.inFlightRequests);
  /** A seal is asked for, or a batch is on its way into the journal. */
  let committing: "no" | "sealing" | "appending" = "no";
  let idle: (() => void)[] = [];
  const texts = createTextBook(telemetry);
  const thread = startDecodeThread(decodeOptions, { answered, died }, telemetry);

  function answered(message: FromDecoder): void {
    if (message.type === "sealed") {
      // The thread keeps order, so what it decoded before the seal is exactly the group as it stands now.
      const sealedGroup = group;
      group = [];
      committing = "appending";
      void commit(message.sealed, sealedGroup);
      return;
    }
    const pending = decoding.get(message.id);
    if (pending === undefined) return;
    decoding.delete(message.id);
    const { answer } = message;
    if (answer.kind !== "decoded") {
      refuse(pending, answer);
      return;
    }
    countItems(pending.signal, answer);
    if (answer.accepted === 0) {
      settle(pending, accepted(answer));
      return;
    }
    pending.decoded = answer;
    group.push(pending);
    startCommit();
  }

  function died(why: string): void {
    const lost = [...decoding.values(), ...group];
    decoding.clear();
    group = [];
    if (committing === "sealing") committing = "no";
    for (const pending of lost) {
      drop(pending.signal, "decoder-died");
      settle(pending, { kind: "busy", says: `the decoder failed (${why}); send again` });
    }
  }

  function startCommit(): void {
    if (committing !== "no" || group.length === 0) return;
    if (thread.say({ type: "seal" })) committing = "sealing";
  }

  /** The log syncs the tenants' appends together; each keeps or breaks the promise to its own requests only. */
  async function commit(sealed: readonly TenantSealed[], requests: readonly Pending[]): Promise<void> {
    await Promise.all(
      sealed.map((one) =>
        append(
          one,
          requests.filter((request) => request.tenant === one.tenant),
        ),
      ),
    );
    committing = "no";
    telemetry.record("homeostat.receive.group_requests", requests.length);
    startCommit();
  }

  async function append({ tenant, batches, series }: TenantSealed, requests: readonly Pending[]): Promise<void> {
    let outcome: IntakeAnswer | undefined;
    try {
      const keys = requests.map((request) => request.key);
      await journal.append(batches, keys, tenant);
      thread.say({ type: "promised", tenant, series });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const fields = { why, tenant, requests: requests.length };
      telemetry.log.error("the journal did not take a batch; its requests were not acknowledged", fields);
      outcome = { kind: "busy", says: `could not be stored (${why}); send again` };
    }
    for (const request of requests) {
      if (outcome !== undefined) drop(request.signal, "journal-failed");
      settle(request, outcome ?? accepted(request.decoded!));
    }
  }

  function refuse(pending: Pending, answer: Exclude<DecodeAnswer, { kind: "decoded" }>): void {
    if (answer.kind === "failed")
      telemetry.log.error("a body could not be decoded: a bug", { signal: pending.signal, why: answer.says });
    drop(pending.signal, answer.kind);
    settle(pending, answer.kind === "failed" ? { kind: "failed", says: "the body could not be decoded" } : answer);
  }

  function settle(pending: Pending, answer: IntakeAnswer): void {
    byKey.delete(pending.key);
    requestsInFlight.give(pending.tenant, 1);
    pending.settle(answer);
    if (byKey.size > 0) return;
    for (const wake of idle) wake();
    idle = [];
  }

  function countItems(signal: Signal, answer: Extract<DecodeAnswer, { kind: "decoded" }>): void {
    if (answer.accepted > 0)
      telemetry.count("homeostat.receive.items", answer.accepted, { signal, outcome: "accepted" });
    if (answer.rejected > 0)
      telemetry.count("homeostat.receive.items", answer.rejected, { signal, outcome: "rejected" });
    for (const [reason, items] of answer.tally.rejected)
      telemetry.count("homeostat.receive.dropped", items, { signal, reason });
    for (const [reason, times] of answer.tally.repaired)
      telemetry.count("homeostat.receive.repaired", times, { signal, reason });
    for (const [kind, times] of answer.tally.redacted)
      telemetry.count("homeostat.receive.redacted", times, { signal, kind });
    for (const [kind, times] of answer.tally.found) telemetry.count("homeostat.receive.found", times, { signal, kind });
    texts.note(signal, answer.tally.textCoverage);
  }

  function drop(signal: Signal, reason: string): void {
    telemetry.count("homeostat.receive.dropped_requests", 1, { signal, reason });
  }

  return {
    refusal(tenant, signal) {
      const pressure = journal.pressure();
      const reason = pressureReason(signal, pressure);
      if (reason !== undefined) {
        drop(signal, pressure.writable ? "journal-full" : "journal-unwritable");
        return busy(reason);
      }
      if (!requestsInFlight.take(tenant, 1)) {
        drop(signal, "too-many-requests");
        return busy("too many requests at once; send again later");
      }
      requestsInFlight.give(tenant, 1);
      const waitMs = rateLimiter.admit(tenant, now());
      if (waitMs === 0) return undefined;
      telemetry.count("homeostat.receive.dropped_requests", 1, { signal, reason: "rate-limit", tenant });
      const retryAfterSeconds = Math.ceil(waitMs / 1000);
      const says = `tenant ${tenant} sends faster than it may; send less, and again in ${retryAfterSeconds} s`;
      return { kind: "limited", says, retryAfterSeconds };
    },
    claim: memory.take,
    release: memory.give,
    submit({ tenant, signal, encoding, body, key }) {
      rateLimiter.charge(tenant, body.length, now());
      const same = byKey.get(key);
      if (same !== undefined || journal.seen(key)) {
        telemetry.count("homeostat.receive.resends", 1, { signal });
        return same?.answer ?? Promise.resolve(taken);
      }
      let resolve: (answer: IntakeAnswer) => void = () => {};
      const answer = new Promise<IntakeAnswer>((settled) => {
        resolve = settled;
      });
      const pending: Pending = { tenant, key, signal, answer, settle: resolve };
      byKey.set(key, pending);
      requestsInFlight.take(tenant, 1);
      const id = ++ids;
      decoding.set(id, pending);
      if (!thread.say({ type: "decode", id, tenant, signal, encoding, body, nowMs: now() })) {
        decoding.delete(id);
        drop(signal, "decoder-died");
        settle(pending, { kind: "busy", says: "the decoder is starting; send again" });
      }
      return answer;
    },
    textCoverage: () => texts.services(),
    killDecoder: () => thread.kill(),
    async [Symbol.asyncDispose]() {
      if (byKey.size > 0) await new Promise<void>((wake) => idle.push(wake));
      await thread[Symbol.asyncDispose]();
    },
  };
}

function busy(says: string): Refusal {
  return { kind: "busy", says, retryAfterSeconds: limits.retryAfterSeconds };
}

function accepted(answer: { readonly rejected: number; readonly says: string }): IntakeAnswer {
  return { kind: "accepted", rejected: answer.rejected, says: answer.says };
}

function pressureReason(signal: Signal, pressure: ReturnType<Journal["pressure"]>): string | undefined {
  if (!pressure.writable) return `nothing can be stored now: ${pressure.reason ?? "the journal is not writable"}`;
  const share = pressure.backlogBytes / pressure.backlogLimitBytes;
  if (share < limits.pressure[signal]) return undefined;
  return `${Math.round(share * 100)} % of the backlog is full; send again later`;
}
