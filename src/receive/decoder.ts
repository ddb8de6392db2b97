// Bodies in, column batches out: the three signal decoders, their limits, and taking back what a refused request left.
import type { ColumnBatch } from "../model/batch.ts";
import type { Table } from "../model/columns/table.ts";
import { createLogDecoder } from "./decode-logs.ts";
import { createMetricDecoder } from "./decode-metrics.ts";
import { createTraceDecoder } from "./decode-traces.ts";
import { jsonToWire } from "./json-to-wire.ts";
import { createKeyGuard } from "./key-guard.ts";
import { type DecodeOptions, limits } from "./limits.ts";
import { mergeMessages } from "./merge-messages.ts";
import { createRedactor } from "./privacy/redactor.ts";
import { createRequest, type Request } from "./request.ts";
import { createSeriesGuard } from "./series-guard.ts";
import { createSeriesMemory } from "./series-memory.ts";
import { rejectedItems, sayTally, type Tally } from "./tally.ts";
import { isCameTwice, isRefusal, type Wire, wireOf } from "./wire.ts";

export type Signal = "traces" | "metrics" | "logs";
export type Encoding = "protobuf" | "json";

export type DecodeAnswer =
  | {
      readonly kind: "decoded";
      /** Items that are now rows. */
      readonly accepted: number;
      readonly rejected: number;
      /** What was rejected or mended, for the client; empty if nothing. */
      readonly says: string;
      readonly tally: Tally;
    }
  | { readonly kind: "malformed" | "too-large" | "failed"; readonly says: string };

/** Of one tenant: its limits are counted here, and its rows share no batch with another's. */
export interface Decoder {
  /** Adds the items of a body to the open batches, or nothing at all if the body is refused. Never throws. */
  decode(signal: Signal, encoding: Encoding, body: Uint8Array, nowMs: number): DecodeAnswer;
  /** Everything decoded since the last seal. */
  seal(): Sealed;
  /** Says that the journal took the batches: series they describe need no description again. */
  promised(sealed: Pick<Sealed, "series">): void;
}

export interface Sealed {
  readonly batches: readonly ColumnBatch[];
  /** Keys of the series described in them, opaque. */
  readonly series: Int32Array;
}

interface SignalDecoder {
  readonly tables: readonly Table[];
  decode(request: Request): void;
}

export function createDecoder(options: DecodeOptions): Decoder {
  const memory = createSeriesMemory();
  const keyGuard = createKeyGuard(options.attributeKeys ?? limits.attributeKeys);
  const redactor = createRedactor(options.privacy ?? {}, keyGuard.admits);
  const seriesGuard = createSeriesGuard(options.seriesPerMetric ?? limits.seriesPerMetric);
  const decoders: Readonly<Record<Signal, SignalDecoder>> = {
    traces: createTraceDecoder(redactor),
    metrics: createMetricDecoder(memory, redactor, seriesGuard, keyGuard),
    logs: createLogDecoder(redactor),
  };
  const days: Readonly<Record<Signal, Set<number>>> = { traces: new Set(), metrics: new Set(), logs: new Set() };
  let closed: ColumnBatch[] = [];

  function close(signal: Signal): void {
    for (const table of decoders[signal].tables) {
      const batch = table.seal();
      if (batch !== undefined) closed.push(batch);
    }
    days[signal].clear();
  }

  function rollback(signal: Signal): void {
    for (const table of decoders[signal].tables) table.rollback();
    if (signal === "metrics") memory.rollback();
  }

  function mark(signal: Signal): void {
    for (const table of decoders[signal].tables) table.mark();
    if (signal === "metrics") memory.mark();
  }

  function attempt(signal: Signal, wire: Wire, nowMs: number): Request {
    const request = createRequest(wire, options, nowMs);
    decoders[signal].decode(request);
    return request;
  }

  /** One batch may not touch more than so many days: the open one is closed if this request would pass the limit. */
  function decodeWithinDays(signal: Signal, wire: Wire, nowMs: number): Request {
    const request = attempt(signal, wire, nowMs);
    const fresh = [...request.days].filter((day) => !days[signal].has(day));
    if (days[signal].size === 0 || days[signal].size + fresh.length <= limits.days) return request;
    rollback(signal);
    close(signal);
    mark(signal);
    return attempt(signal, wire, nowMs);
  }

  /** Reading goes on until a message that must come once comes again; then the body is put right and read anew. */
  function decodeMerged(signal: Signal, wire: Wire, nowMs: number): Request {
    try {
      return decodeWithinDays(signal, wire, nowMs);
    } catch (error) {
      if (!isCameTwice(error)) throw error;
      rollback(signal);
      return decodeWithinDays(signal, mergeMessages(wire, signal), nowMs);
    }
  }

  return {
    decode(signal, encoding, body, nowMs) {
      mark(signal);
      keyGuard.at(nowMs);
      try {
        // A member of a JSON object that comes twice is the last of both, not a mixture.
        const wire = encoding === "json" ? wireOf(jsonToWire(body, signal), true) : wireOf(body);
        const request = decodeMerged(signal, wire, nowMs);
        for (const day of request.days) days[signal].add(day);
        const { tables } = decoders[signal];
        if (tables.some((table) => table.rows >= limits.batchRows || table.size() >= limits.batchBytes)) close(signal);
        const { tally, accepted } = request;
        return { kind: "decoded", accepted, rejected: rejectedItems(tally), says: sayTally(tally), tally };
      } catch (error) {
        rollback(signal);
        if (isRefusal(error))
          return { kind: error.name === "Malformed" ? "malformed" : "too-large", says: error.message };
        // A bug of ours: this request cannot be helped, but those before it in the batch can.
        return { kind: "failed", says: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    },
    seal() {
      for (const signal of ["traces", "metrics", "logs"] as const) close(signal);
      const sealed = { batches: closed, series: memory.take() };
      closed = [];
      return sealed;
    },
    promised(sealed) {
      memory.promised(sealed.series);
    },
  };
}
