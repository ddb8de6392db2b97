// A tenant's distinct attribute keys end somewhere, and the answer says at which.
import { beforeEach, describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Decoder, type Signal } from "../../src/receive/decoder.ts";
import { encode } from "./otlp-proto.ts";
import { asSent, gaugeRequest, nowMs } from "./payloads.ts";
import { rowsOf } from "./read-native.ts";

const DAY_MS = 86_400_000;
let decoder: Decoder;

beforeEach(() => {
  decoder = createDecoder({ window: null, attributeKeys: 10, privacy: asSent });
});

function send(signal: Signal, body: Uint8Array, ms = nowMs): Extract<DecodeAnswer, { kind: "decoded" }> {
  const answer = decoder.decode(signal, "protobuf", body, ms);
  if (answer.kind !== "decoded") throw new Error(answer.says);
  return answer;
}

function logs(keys: readonly string[]): Uint8Array {
  const attributes = keys.map((key) => ({ key, value: { stringValue: "v" } }));
  const logRecords = [{ timeUnixNano: `${nowMs}000000`, body: { stringValue: "b" }, attributes }];
  return encode("logs", { resourceLogs: [{ resource: {}, scopeLogs: [{ logRecords }] }] });
}

const keysOf = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `key.${from + i}`);
const stored = (table: string, column: string): string[][] =>
  decoder
    .seal()
    .batches.filter((batch) => batch.table === table)
    .flatMap(rowsOf)
    .map((row) => (row[column] as [string, string][]).map(([key]) => key));

describe("keys beyond the limit", () => {
  it("are dropped from logs, counted and named; the record and its other attributes stay", () => {
    expect(send("logs", logs(keysOf(0, 8))).says).toBe("");
    const { accepted, rejected, says, tally } = send("logs", logs(["key.3", ...keysOf(8, 30)]));
    expect([accepted, rejected]).toEqual([1, 0]);
    expect(tally.repaired.get("key-limit")).toBe(20);
    expect(says).toContain('over the limit of keys: "key.10", "key.11", "key.12", "key.13", "key.14"');
    expect(says).not.toContain("key.15");
    expect(stored("otel_logs", "LogAttributes")).toEqual([keysOf(0, 8), ["key.3", "key.8", "key.9"]]);
  });

  it("stay out over seals and thousands of others, while known ones stay in", () => {
    send("logs", logs(keysOf(0, 10)));
    decoder.seal();
    for (let i = 0; i < 30; i++) send("logs", logs(["key.0", ...keysOf(100 + i * 100, 200 + i * 100), "key.9"]));
    expect(stored("otel_logs", "LogAttributes")).toEqual(Array.from({ length: 30 }, () => ["key.0", "key.9"]));
  });

  it("give no facts of their texts, while keys within it that are kept do", () => {
    const chat = (...keys: string[]): Uint8Array => logs([...keysOf(0, 9), ...keys]);
    send("logs", chat("gen_ai.completion"));
    expect(send("logs", chat("gen_ai.prompt")).tally.repaired.get("key-limit")).toBe(1);
    const [first, second] = stored("otel_logs", "LogAttributes");
    expect(first).toContain("gen_ai.completion");
    expect(first).toContain("homeostat.text.output.bytes");
    expect(second).toEqual(keysOf(0, 9));
  });

  it("reject a metric's point instead, since without a label it would be another series", () => {
    send("logs", logs(keysOf(0, 9)));
    expect(send("metrics", gaugeRequest("m", 1, {})).says).toBe("");
    const { accepted, rejected, says } = send("metrics", gaugeRequest("m", 2, { "one.more": "x" }));
    expect([accepted, rejected]).toEqual([0, 1]);
    expect(says).toMatch(/1 rejected: an attribute key beyond the limit.*"one\.more"/);
    expect(stored("otel_metrics_gauge", "Attributes")).toEqual([[]]);
  });

  it("are other keys on another day, and of another tenant", () => {
    send("logs", logs(keysOf(0, 10)));
    expect(send("logs", logs(["fresh"])).says).toContain('"fresh"');
    decoder.seal();
    expect(send("logs", logs(["fresh"]), nowMs + DAY_MS).says).toBe("");
    const other = createDecoder({ window: null, attributeKeys: 10 });
    expect(other.decode("logs", "protobuf", logs(["fresh"]), nowMs)).toMatchObject({ says: "" });
  });
});
