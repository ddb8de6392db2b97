// OTLP/JSON: the same rows as the protobuf twin, strict about JSON, exact about integers, deaf to unknown fields.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Signal } from "../../src/receive/decoder.ts";
import { jsonOf, peek, skipValue } from "../../src/receive/json-lexer.ts";
import { requests } from "./arbitraries.ts";
import { messages, otlpJson } from "./otlp-proto.ts";
import { asSent } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const suite = "../shared/data/badinput/json_test_suite";
const encoder = new TextEncoder();

function decode(signal: Signal, json: unknown): { answer: DecodeAnswer; rows: Row[] } {
  const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
  const answer = decoder.decode(
    signal,
    "json",
    encoder.encode(typeof json === "string" ? json : JSON.stringify(json)),
    1000,
  );
  return {
    answer,
    rows: decoder
      .seal()
      .batches.filter((batch) => batch.table !== "otel_metrics_series")
      .flatMap(rowsOf),
  };
}

/** A span whose fields are overridden. */
function spanBody(fields: object): object {
  const span = {
    traceId: "0102030405060708090a0b0c0d0e0f10",
    spanId: "0102030405060708",
    startTimeUnixNano: "1",
    endTimeUnixNano: "2",
    ...fields,
  };
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}

describe("OTLP/JSON", () => {
  it.each(["traces", "logs", "metrics"] as const)("gives the rows of the protobuf twin: %s", (signal) => {
    fc.assert(
      fc.property(requests[signal], (message) => {
        const twin = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
        const type = messages[signal];
        twin.decode(signal, "protobuf", new Uint8Array(type.encode(type.fromObject(message)).finish()), 1000);
        const expected = twin
          .seal()
          .batches.filter((batch) => batch.table !== "otel_metrics_series")
          .flatMap(rowsOf);
        const { answer, rows } = decode(signal, otlpJson(signal, message));
        expect(answer.kind).toBe("decoded");
        expect(rows).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it("keeps every digit of a 64-bit integer, as text and as number", () => {
    for (const written of ['"1763900000123456789"', "1763900000123456789"]) {
      const text = JSON.stringify(spanBody({ startTimeUnixNano: 0 })).replace(
        '"startTimeUnixNano":0',
        `"startTimeUnixNano":${written}`,
      );
      expect(decode("traces", text).rows[0]?.Timestamp).toBe(1763900000123456789n);
    }
  });

  it("takes ids in either case and rejects the item of any that is not one", () => {
    expect(decode("traces", spanBody({ spanId: "ABCDEF0102030405" })).rows[0]?.SpanId).toBe("abcdef0102030405");
    for (const traceId of ["zz", "0102", "AQIDBAUGBwgJCgsMDQ4PEA==", "0".repeat(32), ""]) {
      expect(decode("traces", spanBody({ traceId })).answer).toMatchObject({
        kind: "decoded",
        accepted: 0,
        rejected: 1,
      });
    }
  });

  it("ignores unknown and snake_case fields and nulls", () => {
    const body = spanBody({
      name: null,
      span_name: "no",
      extra: { deep: [1, { a: null }] },
      attributes: null,
      kind: 2,
    });
    expect(decode("traces", body).rows[0]).toMatchObject({ SpanName: "", SpanKind: "Server" });
  });

  it("refuses values of another type, enum names among them, with a place and a reason", () => {
    for (const fields of [
      { kind: "SPAN_KIND_SERVER" },
      { name: 5 },
      { attributes: {} },
      { startTimeUnixNano: "-1" },
      { startTimeUnixNano: "1.5" },
      { status: [] },
    ]) {
      const { answer } = decode("traces", spanBody(fields));
      expect(answer.kind).toBe("malformed");
      expect(answer.says).not.toBe("");
    }
  });

  it("stores prototype names as plain keys", () => {
    const attributes = ["__proto__", "constructor"].map((key) => ({ key, value: { stringValue: "polluted" } }));
    const body = JSON.stringify(spanBody({ attributes })).replace('"kind"', '"__proto__":{"polluted":1},"kind"');
    expect(decode("traces", body).rows[0]?.SpanAttributes).toEqual([
      ["__proto__", "polluted"],
      ["constructor", "polluted"],
    ]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("unescapes text and replaces lone surrogates", () => {
    const text = JSON.stringify(spanBody({ name: "X" })).replace('"X"', '"a\\u0041\\n\\ud83d\\ude00\\ud800\\/"');
    expect(decode("traces", text).rows[0]?.SpanName).toBe("aA\n😀\ufffd/");
  });

  it("refuses what is nested too deep without exhausting the stack", () => {
    expect(decode("traces", `{"x":${"[".repeat(100_000)}`).answer.kind).toBe("malformed");
    const value = `${'{"arrayValue":{"values":['.repeat(100)}{"stringValue":"x"}${"]}}".repeat(100)}`;
    const body = JSON.stringify(spanBody({ attributes: [{ key: "k", value: 0 }] })).replace(
      '"value":0',
      `"value":${value}`,
    );
    const { answer, rows } = decode("traces", body);
    expect(answer).toMatchObject({ kind: "decoded", accepted: 1 });
    expect(answer.says).toContain("deeper than 64");
    expect(rows[0]?.SpanAttributes).toEqual([["k", `${"[".repeat(64)}null${"]".repeat(64)}`]]);
  });

  it("accepts and refuses the texts JSON.parse does", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      "1",
      "-0.5e+3",
      "01",
      "1.",
      "true",
      "nul",
      "null",
      " ",
      "\n",
      "\t",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 9 }).map((list) => list.join("")),
          fc.json(),
        ),
        (text) => {
          expect(isJson(encoder.encode(text))).toBe(parses(text));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.skipIf(!existsSync(suite))(
    "agrees with the JSON parsing test suite (needs ../shared/data/badinput/json_test_suite)",
    () => {
      const files = readdirSync(suite, { recursive: true, encoding: "utf8" }).filter((file) =>
        /(^|\/)[yn]_[^/]*\.json$/.test(file),
      );
      expect(files.length).toBeGreaterThan(200);
      const wrong = files.filter((file) => isJson(readFileSync(`${suite}/${file}`)) !== /(^|\/)y_/.test(file));
      expect(wrong).toEqual([]);
    },
  );
});

function isJson(data: Uint8Array): boolean {
  const json = jsonOf(data);
  try {
    skipValue(json);
    return peek(json) === undefined;
  } catch {
    return false;
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
