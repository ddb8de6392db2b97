// What the redaction tests share: requests with texts in them, decoded, and a search through every encoded byte.
import type { ColumnBatch } from "../../src/model/batch.ts";
import { createDecoder, type DecodeAnswer, type Signal } from "../../src/receive/decoder.ts";
import type { PrivacyPolicy } from "../../src/receive/receive.ts";
import { encode } from "../receive/otlp-proto.ts";
import { nowMs, spanRequest } from "../receive/payloads.ts";
import { type Row, rowsOf } from "../receive/read-native.ts";

export const prompt = "canary-prompt: tell me a story";
export const secret = "sk-proj-abcdefghijklmnopqrstuvwx";
export const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
export const map = (values: object[]): object => ({ kvlistValue: { values } });

export function logRequest(record: object): Uint8Array {
  const logRecords = [{ timeUnixNano: `${nowMs}000000`, ...record }];
  return encode("logs", { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

export interface Decoded {
  readonly answer: Extract<DecodeAnswer, { kind: "decoded" }>;
  readonly rows: Row[];
  readonly batches: readonly ColumnBatch[];
}

export function decode(signal: Signal, body: Uint8Array, privacy: PrivacyPolicy = {}): Decoded {
  const decoder = createDecoder({ window: null, privacy });
  const answer = decoder.decode(signal, "protobuf", body, nowMs);
  if (answer.kind !== "decoded") throw new Error(answer.says);
  const { batches } = decoder.seal();
  return { answer, batches, rows: batches.flatMap(rowsOf) };
}

export function contains(batches: readonly ColumnBatch[], needle: string): boolean {
  return batches.some((batch) => batch.columns.some((column) => Buffer.from(column.bytes).includes(needle)));
}

export const attributesOf = (row: Row | undefined, column: string): Record<string, string> =>
  Object.fromEntries((row?.[column] ?? []) as [string, string][]);
/** Without the facts read from texts before they are dropped. */
export const withoutFacts = (attributes: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).filter(([key]) => !/^homeostat\.text\.(input|output)\.\w+$|_ratio$|_reason$/.test(key)),
  );
export const spanAttributes = (attributes: object[], privacy?: PrivacyPolicy): Record<string, string> =>
  attributesOf(decode("traces", spanRequest("x", { attributes }), privacy).rows[0], "SpanAttributes");
