// Bodies that are seldom seen and still right, or nearly so: what the rules of protobuf and JSON say of them is done.
import { describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Encoding, type Signal } from "../../src/receive/decoder.ts";
import { tableRows } from "./oracle.ts";
import { asSent, gaugeRequest, nowMs, spanRequest } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

function decode(signal: Signal, encoding: Encoding, body: Uint8Array): { answer: DecodeAnswer; rows: Row[] } {
  const decoder = createDecoder({ window: null, privacy: asSent });
  const answer = decoder.decode(signal, encoding, body, nowMs);
  return {
    answer,
    rows: decoder
      .seal()
      .batches.filter(({ table }) => table !== "otel_metrics_series")
      .flatMap(rowsOf),
  };
}

const span = spanRequest("a");
const behind = (...bytes: number[]): Uint8Array => Uint8Array.from([...span, ...bytes]);
/** Field 17, which no message has: start and end of a group. */
const [start, end] = [
  [0x8b, 0x01],
  [0x8c, 0x01],
] as const;

describe("protobuf", () => {
  it.each<[string, Uint8Array]>([
    ["an unknown group", behind(...start, 0x08, 1, 0x12, 2, 9, 9, ...end)],
    ["groups in a group, of the same number and of another", behind(...start, ...start, 0x0b, 0x0c, ...end, ...end)],
    ["groups 100 deep", behind(...Array(100).fill(start).flat(), ...Array(100).fill(end).flat())],
    ["an overlong varint", behind(0x88, 0x01, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)],
    ["an overlong tag", behind(0x88, 0x81, 0x80, 0x80, 0x00, 1)],
    ["the largest field number", behind(0xf8, 0xff, 0xff, 0xff, 0x0f, 1)],
    ["a known field of another wire type", behind(0x08, 1)],
  ])("takes the rest of a request with %s", (_, body) => {
    const { answer, rows } = decode("traces", "protobuf", body);
    expect(answer).toMatchObject({ kind: "decoded", accepted: 1, rejected: 0 });
    expect(rows).toEqual(tableRows("traces", body, nowMs)["otel_traces"]);
  });

  it.each<[string, Uint8Array]>([
    ["a group without end", behind(...start, 0x08, 1)],
    ["an end without a group", behind(...end)],
    ["a group that ends as another", behind(...start, 0x0c)],
    ["groups deeper than 100", behind(...Array(101).fill(start).flat(), ...Array(101).fill(end).flat())],
    ["a wire type of 6", behind(0x8e, 0x01)],
    ["a varint of eleven bytes", behind(0x88, 0x01, ...Array(10).fill(0x80), 0)],
    ["field number 0", behind(0, 1)],
  ])("refuses %s", (_, body) => {
    const { answer, rows } = decode("traces", "protobuf", body);
    expect(answer.kind).toBe("malformed");
    expect(rows).toEqual([]);
  });

  it("skips 100,000 groups side by side, and 400 KB of them inside each other are refused, without exhausting the stack", () => {
    const beside = Uint8Array.from([
      ...span,
      ...Array(100_000)
        .fill([...start, ...end])
        .flat(),
    ]);
    expect(decode("traces", "protobuf", beside).answer).toMatchObject({ kind: "decoded", accepted: 1 });
    const inside = Uint8Array.from([...span, ...Array(200_000).fill(start).flat()]);
    expect(decode("traces", "protobuf", inside).answer.kind).toBe("malformed");
  });
});

describe("JSON", () => {
  const point = (members: string): Uint8Array =>
    Buffer.from(
      `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{${members}}]}}]}]}]}`,
    );
  const time = `"timeUnixNano":"${nowMs}000000"`;

  it.each<[string, string, number]>([
    ["a number", `${time},"asDouble":1.5`, 1.5],
    ["a number as text", `${time},"asDouble":"1.5"`, 1.5],
    ["an exponent", `${time},"asDouble":15E-1`, 1.5],
    ["an integer with an exponent", `${time},"asInt":"2e3"`, 2000],
    ["the last of two members", `${time},"asDouble":1,"asDouble":2`, 2],
    ["the last of a oneof", `${time},"asInt":1,"asDouble":2`, 2],
    ["a member beside its null", `${time},"asDouble":2,"asDouble":null,"asInt":null`, 2],
    ["an escaped name", `${time},"as\\u0044ouble":2`, 2],
    ["white space everywhere", ` ${time} ,\n\t"asDouble"\r\n: 2 `, 2],
    ["a name of snake case, which is unknown", `${time},"asDouble":2,"as_double":3`, 2],
  ])("reads %s", (_, members, value) => {
    const { answer, rows } = decode("metrics", "json", point(members));
    expect(answer).toMatchObject({ kind: "decoded", accepted: 1 });
    expect(rows.map((row) => row["Value"])).toEqual([value]);
  });

  it("reads bytes as base64, with either alphabet and with padding or without", () => {
    const values = ["+/8=", "-_8=", "+/8", "-_8"];
    const attributes = values.map((text, i) => `{"key":"k${i}","value":{"bytesValue":"${text}"}}`).join(",");
    const { rows } = decode("metrics", "json", point(`${time},"attributes":[${attributes}]`));
    expect(rows[0]!["Attributes"]).toEqual(values.map((_, i) => [`k${i}`, "+/8="]));
  });
});

describe("one bad part", () => {
  it("of a metric leaves the metrics beside it", () => {
    const bad = gaugeRequest("bad", 1, {}, { timeUnixNano: "18446744073709551615" });
    const body = Uint8Array.from([...gaugeRequest("before", 1), ...bad, ...gaugeRequest("after", 2)]);
    const { answer, rows } = decode("metrics", "protobuf", body);
    expect(answer).toMatchObject({ kind: "decoded", accepted: 2, rejected: 1 });
    expect(rows.map((row) => row["MetricName"])).toEqual(["before", "after"]);
  });
});
