// What clients are answered: export responses, and google.rpc.Status for errors, in the encoding they spoke.
import type { Encoding, Signal } from "./decoder.ts";

/** Numbers of google.rpc.Code that intake uses; gRPC has the same. */
export const codes = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const rejectedNames: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  metrics: "rejectedDataPoints",
  logs: "rejectedLogRecords",
};

const encoder = new TextEncoder();
const retryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

/** Export…ServiceResponse; `partial_success` is left out when everything was taken as it came. */
export function exportResponse(signal: Signal, encoding: Encoding, rejected: number, says: string): Uint8Array {
  const partial = rejected > 0 || says !== "";
  if (encoding === "json") {
    const body = partial ? { partialSuccess: { [rejectedNames[signal]]: String(rejected), errorMessage: says } } : {};
    return encoder.encode(JSON.stringify(body));
  }
  if (!partial) return new Uint8Array(0);
  return field(1, [...(rejected > 0 ? [0x08, ...varint(rejected)] : []), ...text(2, says)]);
}

/** google.rpc.Status; with `retryAfterSeconds` it carries a RetryInfo. */
export function statusBody(encoding: Encoding, code: number, message: string, retryAfterSeconds?: number): Uint8Array {
  if (encoding === "json") {
    const details =
      retryAfterSeconds === undefined
        ? {}
        : { details: [{ "@type": retryInfoType, retryDelay: `${retryAfterSeconds}s` }] };
    return encoder.encode(JSON.stringify({ code, message, ...details }));
  }
  const head = [0x08, ...varint(code), ...text(2, message)];
  if (retryAfterSeconds === undefined) return Uint8Array.from(head);
  const retryInfo = field(1, [0x08, ...varint(retryAfterSeconds)]);
  return Uint8Array.from([...head, ...field(3, [...text(1, retryInfoType), ...field(2, [...retryInfo])])]);
}

function text(number: number, value: string): number[] {
  return value === "" ? [] : [...field(number, [...encoder.encode(value)])];
}

function field(number: number, bytes: readonly number[]): Uint8Array {
  return Uint8Array.from([number * 8 + 2, ...varint(bytes.length), ...bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
