// Messages that must come once but come twice mean their merged whole.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecoder, type Signal } from "../../src/receive/decoder.ts";
import { type Message, requestMessages } from "../../src/receive/json-schema.ts";
import { requests } from "./arbitraries.ts";
import { tableRows } from "./oracle.ts";
import { encode } from "./otlp-proto.ts";
import { asSent, nowMs } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const signals: readonly Signal[] = ["traces", "logs", "metrics"];
const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });

function tablesOf(body: Uint8Array, signal: Signal): Record<string, Row[]> {
  expect(decoder.decode(signal, "protobuf", body, nowMs).kind).toBe("decoded");
  return Object.fromEntries(decoder.seal().batches.map((batch) => [batch.table, rowsOf(batch)]));
}

function withoutIdentity({ otel_metrics_series: _, ...tables }: Record<string, Row[]>): Record<string, Row[]> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, rows]) => [name, rows.map(({ SeriesHash: __, ...row }) => row)]),
  );
}

describe.each(signals)("%s", (signal) => {
  it("gives the rows of the message in one piece, wherever it is cut in two", () => {
    fc.assert(
      fc.property(requests[signal], fc.infiniteStream(fc.nat()), (message, choices) => {
        const body = encode(signal, message);
        const cut = cutMessages(body, requestMessages[signal], () => choices.next().value);
        const whole = tablesOf(body, signal);
        expect(tablesOf(cut, signal)).toEqual(whole);
        // What the cutting made is what an independent reader takes it for.
        expect(withoutIdentity(whole)).toEqual(tableRows(signal, cut, nowMs));
      }),
      { numRuns: 150 },
    );
  });
});

it("leaves texts as they were sent, whatever they look like", () => {
  const traceId = Uint8Array.from({ length: 16 }, () => 1);
  const spans = [{ traceId, spanId: traceId.subarray(8), status: { message: "+@0.A0" } }];
  const body = encode("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  expect(tablesOf(body, "traces")["otel_traces"]).toMatchObject([{ StatusMessage: "+@0.A0" }]);
});

const field = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const content = Buffer.concat(parts);
  const length = [content.length & 127, content.length >> 7];
  return Buffer.concat([
    Uint8Array.from([tag, ...(content.length < 128 ? [length[0]!] : [length[0]! | 128, length[1]!])]),
    content,
  ]);
};
const text = (value: string): Uint8Array => field(0x0a, Buffer.from(value));
const list = (...values: readonly string[]): Uint8Array =>
  field(0x2a, ...values.map((value) => field(0x0a, text(value))));

describe("a log body given as", () => {
  const bodyOf = (...values: readonly Uint8Array[]): unknown => {
    const time = Uint8Array.of(0x09, 1, 0, 0, 0, 0, 0, 0, 0);
    const record = field(0x12, time, ...values.map((value) => field(0x2a, value)));
    return tablesOf(new Uint8Array(field(0x0a, field(0x12, record))), "logs")["otel_logs"]![0]!["Body"];
  };

  it.each([
    ["two texts is the later", [text("a"), text("b")], "b"],
    ["a text and nothing is the text", [text("a"), new Uint8Array(0)], "a"],
    ["two lists is both", [list("a"), list("b", "c")], '["a","b","c"]'],
    ["two lists in one value is both", [Buffer.concat([list("a"), list("b")])], '["a","b"]'],
    ["lists with a text between is the later list", [list("a"), text("x"), list("b")], '["b"]'],
  ])("%s", (_, values, expected) => {
    expect(bodyOf(...values)).toBe(expected);
  });
});

it("in JSON, the later of two members counts alone", () => {
  const json = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1",
    "body":{"arrayValue":{"values":[{"stringValue":"a"}]}},"body":{"arrayValue":{"values":[{"stringValue":"b"}]}}}]}]}]}`;
  expect(decoder.decode("logs", "json", Buffer.from(json), nowMs).kind).toBe("decoded");
  expect(rowsOf(decoder.seal().batches[0]!)[0]!["Body"]).toBe('["b"]');
});

it("a refused body leaves nothing behind when it is met on the second reading", () => {
  const span = field(0x12, field(0x7a, text("a")), field(0x7a, Uint8Array.of(0x0a, 0x7f)));
  const body = new Uint8Array(field(0x0a, field(0x12, span)));
  expect(decoder.decode("traces", "protobuf", body, nowMs).kind).toBe("malformed");
  expect(decoder.seal().batches).toEqual([]);
});

/** Cuts messages that must come once in two at the end of one of their fields, sometimes. */
function cutMessages(body: Uint8Array, message: Message, choose: () => number): Uint8Array {
  const out: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const [tag, tagEnd] = varint(body, at);
    const [end, start] = fieldEnd(body, tag, tagEnd);
    const schema = message.fields.find((one) => one.tag === tag);
    if (schema?.message === undefined) out.push(body.subarray(at, end));
    else {
      const inner = cutMessages(body.subarray(start, end), schema.message, choose);
      const ends = [0];
      for (let k = 0; k < inner.length; ) {
        const [innerTag, innerTagEnd] = varint(inner, k);
        [k] = fieldEnd(inner, innerTag, innerTagEnd);
        ends.push(k);
      }
      const middle = schema.repeated || choose() % 3 > 0 ? inner.length : ends[choose() % ends.length]!;
      const parts = middle === inner.length ? [inner] : [inner.subarray(0, middle), inner.subarray(middle)];
      for (const part of parts) out.push(Uint8Array.from([...encoded(tag), ...encoded(part.length)]), part);
    }
    at = end;
  }
  return new Uint8Array(Buffer.concat(out));
}

/** Where the value of a field ends and where it starts. */
function fieldEnd(data: Uint8Array, tag: number, at: number): [end: number, start: number] {
  if ((tag & 7) === 0) return [varint(data, at)[1], at];
  if ((tag & 7) === 1) return [at + 8, at];
  if ((tag & 7) === 5) return [at + 4, at];
  const [length, start] = varint(data, at);
  return [start + length, start];
}

function varint(data: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start, scale = 1; ; at++, scale *= 128) {
    value += (data[at]! & 127) * scale;
    if (data[at]! < 128) return [value, at + 1];
  }
}

function encoded(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...encoded(Math.floor(value / 128))];
}
