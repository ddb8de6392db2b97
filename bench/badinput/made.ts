// Single requests made to do harm, and requests in which good items stand beside bad ones.
import { deflateSync, gzipSync } from "node:zlib";
import { type Case, gzip, httpCase, json, protobuf } from "./case.ts";
import { gauges, hourMs, logs, nano, point, type SpanOf, spanJson, spans, text } from "./messages.ts";

const mib = 2 ** 20;
/** Magic number of zstd, a frame header, and nothing good after it. */
const zstd = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3);

export function madeCases(): Case[] {
  return [
    ...bombs(),
    ...lengths(),
    ...headerCases(),
    ...mixedSpans(),
    ...mixedPoints(),
    ...mixedLogs(),
    ...jsonCases(),
  ];
}

function bombs(): Case[] {
  const zeros = Buffer.alloc(512 * mib);
  const nested = (levels: number): Uint8Array => {
    let value: object = { stringValue: "core" };
    for (let i = 0; i < levels; i++) value = { arrayValue: { values: [value] } };
    return spans([{ name: `valid nested ${levels}`, fields: { attributes: [{ key: "k", value }] } }]);
  };
  const deepJson = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  // Two bytes for each span, as gzip sees them: thousands of items for a few bytes.
  const empty = Buffer.alloc(2 * 90_000, Uint8Array.of(0x12, 0));
  const scope = Buffer.concat([lengthed(0x12, empty)]);
  const many = lengthed(0x0a, scope);
  return [
    httpCase("bombs", "512 MiB of zeros in gzip", [413], gzipSync(zeros), { headers: { ...protobuf, ...gzip } }),
    httpCase("bombs", "gzip in gzip", [400], gzipSync(gzipSync(zeros.subarray(0, 256 * mib))), {
      headers: { ...protobuf, ...gzip },
    }),
    httpCase("bombs", "deflate", [415], deflateSync(zeros.subarray(0, 64 * mib)), {
      headers: { ...protobuf, "Content-Encoding": "deflate" },
    }),
    httpCase("bombs", "zstd", [415], zstd, { headers: { ...protobuf, "Content-Encoding": "zstd" } }),
    httpCase("bombs", "15 MiB of empty resources", [200, 413], Buffer.alloc(15 * mib, Uint8Array.of(0x0a, 0))),
    httpCase("bombs", "90,000 empty spans, gzipped", [200], gzipSync(many), { headers: { ...protobuf, ...gzip } }),
    httpCase("bombs", "values nested 30 deep", [200], nested(30), { valid: ["valid nested 30"] }),
    httpCase("bombs", "values nested 100 deep", [200], nested(100), { valid: ["valid nested 100"], says: /nested/ }),
    httpCase("bombs", "JSON nested 200,000 deep", [400], `{"a":${deepJson}}`, { headers: json }),
  ];
}

function lengths(): Case[] {
  return [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40].map((length) =>
    httpCase(
      "lengths",
      `a length of ${length}`,
      [400],
      Buffer.concat([Uint8Array.of(0x0a), varint(length), Buffer.alloc(9)]),
    ),
  );
}

function headerCases(): Case[] {
  const good = (name: string): Uint8Array => spans([{ name }]);
  const wrong = (
    name: string,
    statuses: readonly number[],
    headers: Record<string, string>,
    path = "/v1/traces",
  ): Case => httpCase("headers", name, statuses, good("refused"), { headers, path });
  return [
    ...["text/plain", "application/grpc", "application/x-protobuf-v2", "multipart/form-data; boundary=x", ""].map(
      (type) => wrong(`content type "${type}"`, [415], { "Content-Type": type }),
    ),
    ...["br", "compress", "gzip, gzip", "zstd", "x"].map((encoding) =>
      wrong(`content encoding "${encoding}"`, [415], { ...protobuf, "Content-Encoding": encoding }),
    ),
    wrong("gzip declared, plain sent", [400], { ...protobuf, ...gzip }),
    wrong("protobuf as JSON", [400], json),
    wrong("another path", [404], protobuf, "/v1/profiles"),
    httpCase("headers", "content type with parameters", [200], good("valid with parameters"), {
      headers: { "Content-Type": "Application/X-Protobuf; charset=x" },
      valid: ["valid with parameters"],
    }),
    httpCase("headers", "half a gzip", [400], gzipSync(good("refused")).subarray(0, 40), {
      headers: { ...protobuf, ...gzip },
    }),
  ];
}

/** A bad span between two good ones. */
function mixedSpans(): Case[] {
  const odd: readonly (readonly [string, object, RegExp, boolean?])[] = [
    ["a trace id of 15 bytes", { traceId: new Uint8Array(15).fill(1) }, /trace_id/],
    ["a trace id of zeros", { traceId: new Uint8Array(16) }, /trace_id/],
    ["a span id of 9 bytes", { spanId: new Uint8Array(9).fill(1) }, /span_id/],
    ["a parent of 7 bytes", { parentSpanId: new Uint8Array(7).fill(1) }, /span_id/],
    ["a time to come", { startTimeUnixNano: nano(Date.now() + 48 * hourMs) }, /time/],
    ["a time long past", { startTimeUnixNano: "1" }, /time/],
    ["a time past 2554", { startTimeUnixNano: "18446744073709551615" }, /time/],
    ["an end before its start", { endTimeUnixNano: "1" }, /duration 0/, true],
    ["a key given twice", { attributes: [text("k", "1"), text("k", "2")] }, /repeated/, true],
    ["10,000 attributes", { attributes: Array.from({ length: 10_000 }, (_, i) => text(`k${i}`, "v")) }, /128/, true],
    ["a key of 64 KiB", { attributes: [text("k".repeat(65_536), "v")] }, /256/, true],
    ["a value of 5 MiB", { attributes: [text("k", "v".repeat(5 * mib))] }, /limit/, true],
    [
      "NaN and infinities",
      {
        attributes: [Number.NaN, Infinity, -Infinity].map((doubleValue, i) => ({
          key: `d${i}`,
          value: { doubleValue },
        })),
      },
      /^$/,
      true,
    ],
    [
      "a link with a bad id",
      { links: [{ traceId: new Uint8Array(3).fill(1), spanId: new Uint8Array(8).fill(1) }] },
      /links/,
      true,
    ],
  ];
  const cases = odd.map(([what, fields, says, kept], i) => {
    const valid = [`valid before ${i}`, `valid after ${i}`, ...(kept === true ? [`valid mended ${i}`] : [])];
    const bad: SpanOf = { name: kept === true ? `valid mended ${i}` : `bad ${i}`, fields };
    return httpCase("mixed", what, [200], spans([{ name: valid[0]! }, bad, { name: valid[1]! }]), { says, valid });
  });
  // Of the same length, so that only the text is broken.
  const broken = Buffer.from(spans([{ name: "valid utf8 1" }, { name: "XXXXXXXX" }, { name: "valid utf8 2" }]));
  broken.fill(0xff, broken.indexOf("XXXXXXXX"), broken.indexOf("XXXXXXXX") + 8);
  const valid = ["valid utf8 1", "valid utf8 2"];
  return [...cases, httpCase("mixed", "a name that is not UTF-8", [200], broken, { says: /UTF-8/, valid })];
}

function mixedPoints(): Case[] {
  const path = "/v1/metrics";
  const good = (name: string) => ({ name, points: [point(1)] });
  const labelled = Array.from({ length: 99_990 }, (_, i) => point(i, { attributes: [text("id", `user-${i}`)] }));
  const many = Array.from({ length: 129 }, (_, i) => text(`k${i}`, "v"));
  const odd: readonly (readonly [string, readonly object[], RegExp])[] = [
    ["100,000 distinct labels", labelled, /series/],
    ["NaN and infinities as values", [point(Number.NaN), point(Infinity), point(-Infinity)], /^$/],
    ["129 labels", [point(1, { attributes: many })], /128/],
    ["a time to come", [point(1, { timeUnixNano: nano(Date.now() + 48 * hourMs) })], /time/],
    ["a label given twice", [point(1, { attributes: [text("a", "1"), text("a", "2")] })], /repeated/],
  ];
  return odd.map(([what, points, says], i) => {
    const valid = [`valid metric before ${i}`, `valid metric after ${i}`];
    const body = gauges([good(valid[0]!), { name: `odd ${i}`, points }, good(valid[1]!)]);
    return httpCase("mixed", `metrics: ${what}`, [200], body, { path, says, valid });
  });
}

function mixedLogs(): Case[] {
  const path = "/v1/logs";
  const odd: readonly (readonly [string, object, RegExp])[] = [
    ["a trace id of 3 bytes", { traceId: new Uint8Array(3).fill(1) }, /trace_id/],
    ["a time to come", { timeUnixNano: nano(Date.now() + 48 * hourMs) }, /time/],
    ["a body of 10 MiB", { body: { stringValue: "x".repeat(10 * mib) } }, /limit/],
  ];
  return odd.map(([what, record, says], i) => {
    const valid = [`valid log ${i} a`, `valid log ${i} b`];
    return httpCase("mixed", `logs: ${what}`, [200], logs(valid, [record]), { path, says, valid });
  });
}

function jsonCases(): Case[] {
  const one = (what: string, extra: string, says = /^\{\}$/): Case =>
    httpCase("json", what, [200], spanJson(`valid json ${what}`, extra), {
      headers: json,
      says,
      valid: [`valid json ${what}`],
    });
  const refused = (what: string, body: string): Case => httpCase("json", what, [400], body, { headers: json });
  return [
    one("unknown fields", ',"zz":{"a":[1,{"b":null}]},"__proto__":{"x":1}'),
    one("nulls", ',"attributes":null,"status":null,"kind":null'),
    one("a duplicate key", ',"kind":1,"kind":2'),
    one("snake case", ',"trace_state":7,"dropped_links_count":{}'),
    one("escapes", ',"tr\\u0061ceState":"\\ud83d\\ude00\\ud800"'),
    one("an integer as text", ',"kind":"3"'),
    one(
      "an infinity",
      ',"attributes":[{"key":"d","value":{"doubleValue":"-Infinity"}},{"key":"e","value":{"doubleValue":1e400}}]',
    ),
    one("an attribute twice", ',"attributes":[{"key":"d"},{"key":"d"}]', /repeated/),
    refused("an enum by name", spanJson("refused", ',"kind":"SPAN_KIND_SERVER"')),
    refused("an object for a list", '{"resourceSpans":{}}'),
    refused("two documents", `${spanJson("refused")}{}`),
    refused("a comma too many", `${spanJson("refused").slice(0, -1)},}`),
    refused("a control character", spanJson("refused").replace("refused", "a\u0001b")),
    refused("nothing", ""),
  ];
}

function lengthed(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(tag), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Uint8Array.from([...bytes, rest]);
}
