// Remote write 2.0: the same rows as 1.0, its own answers, and bad series that spoil no others.
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createProtoWriter, type ProtoWriter } from "../../src/receive/prometheus/otlp-writer.ts";
import { remoteWrite2ToOtlp } from "../../src/receive/prometheus/remote-write-2.ts";
import { createStartTimes } from "../../src/receive/prometheus/start-times.ts";
import { openReceive, type Receive } from "../../src/receive/receive.ts";
import { isRefusal } from "../../src/receive/wire.ts";
import { countingTelemetry, createMemoryJournal, type MemoryJournal } from "../receive/memory-journal.ts";
import { nowMs } from "../receive/payloads.ts";

const v1 = "application/x-protobuf;proto=prometheus.WriteRequest";
const v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const types = { counter: 1, gauge: 2, histogram: 3 } as const;

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples?: readonly (readonly [value: number, atMs: number, startMs?: number])[];
  readonly exemplars?: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
  readonly type?: keyof typeof types;
  readonly help?: string;
  readonly unit?: string;
  readonly createdMs?: number;
  readonly histograms?: number;
}

let journal: MemoryJournal;
let receive: Receive;
let counts: ReturnType<typeof countingTelemetry>;

beforeAll(async () => {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  receive = await openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: -1, window: null },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
});
afterAll(() => receive[Symbol.asyncDispose]());
beforeEach(() => void journal.batches.splice(0));

function varint(writer: ProtoWriter, field: number, value: number): void {
  writer.tag(field, 0);
  writer.varint(value);
}

function encode2(series: readonly Series[]): Uint8Array {
  const symbols = [""];
  const ref = (text: string): number => {
    const at = symbols.indexOf(text);
    return at >= 0 ? at : symbols.push(text) - 1;
  };
  const refs = (writer: ProtoWriter, labels: Readonly<Record<string, string>>): void => {
    const numbers = Object.entries(labels).flatMap(([name, value]) => [ref(name), ref(value)]);
    writer.bytes(1, Uint8Array.from(numbers));
  };
  const writer = createProtoWriter();
  for (const one of series) {
    writer.message(5, () => {
      refs(writer, one.labels);
      for (const [value, atMs, startMs] of one.samples ?? []) {
        writer.message(2, () => {
          writer.double(1, value);
          varint(writer, 2, atMs);
          if (startMs !== undefined) varint(writer, 3, startMs);
        });
      }
      for (let i = 0; i < (one.histograms ?? 0); i++) writer.message(3, () => varint(writer, 1, 5));
      for (const { labels, value } of one.exemplars ?? []) {
        writer.message(4, () => {
          refs(writer, labels);
          writer.double(2, value);
        });
      }
      writer.message(5, () => {
        if (one.type !== undefined) varint(writer, 1, types[one.type]);
        varint(writer, 3, ref(one.help ?? ""));
        varint(writer, 4, ref(one.unit ?? ""));
      });
      if (one.createdMs !== undefined) varint(writer, 6, one.createdMs);
    });
  }
  // Last, as the order of fields is the sender's.
  for (const symbol of symbols) writer.bytes(4, new TextEncoder().encode(symbol));
  return writer.finish();
}

function encode1(series: readonly Series[]): Uint8Array {
  const writer = createProtoWriter();
  for (const one of series) {
    writer.message(1, () => {
      for (const [name, value] of Object.entries(one.labels)) {
        writer.message(1, () => {
          writer.text(1, name);
          writer.text(2, value);
        });
      }
      for (const [value, atMs] of one.samples ?? []) {
        writer.message(2, () => {
          writer.double(1, value);
          varint(writer, 2, atMs);
        });
      }
    });
    const family = one.labels["__name__"]!;
    writer.message(3, () => {
      varint(writer, 1, types[one.type ?? "gauge"]);
      writer.text(2, one.type === "histogram" ? family.replace(/_(bucket|count|sum)$/, "") : family);
      writer.text(4, one.help ?? "");
      writer.text(5, one.unit ?? "");
    });
  }
  return writer.finish();
}

/** A snappy block that is one literal. */
function snappy(plain: Uint8Array): Uint8Array {
  const length = [(plain.length & 127) | 128, ((plain.length >> 7) & 127) | 128, plain.length >> 14];
  const size = plain.length - 1;
  return Uint8Array.from([...length, 62 << 2, size & 255, (size >> 8) & 255, size >> 16, ...plain]);
}

async function write(body: Uint8Array, type: string) {
  const response = await fetch(`http://127.0.0.1:${receive.httpPort}/api/v1/write`, {
    method: "POST",
    headers: { "content-type": type, "content-encoding": "snappy" },
    body: Buffer.from(snappy(body)),
  });
  const written = ["Samples", "Histograms", "Exemplars"].map((what) =>
    response.headers.get(`X-Prometheus-Remote-Write-${what}-Written`),
  );
  return { status: response.status, written, text: await response.text() };
}

const node = { job: "node", instance: "n1:9100" };
const vllm = (instance: string) => ({ job: "vllm", instance });
const load: Series = {
  labels: { __name__: "node_load1", ...node },
  samples: [
    [0.5, nowMs - 1000],
    [0.75, nowMs],
  ],
  type: "gauge",
  help: "Load.",
};
const requests: Series = {
  labels: { __name__: "http_requests_total", ...node, code: "200" },
  samples: [[7, nowMs]],
  type: "counter",
  unit: "1",
};
const bucket: Series = {
  labels: { __name__: "ttft_seconds_bucket", ...vllm("a:1"), le: "0.5" },
  samples: [[3, nowMs]],
  type: "histogram",
};
const rows = () =>
  ["otel_metrics_gauge", "otel_metrics_sum"].map((table) =>
    journal
      .rows(table)
      .map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)))
      .toSorted((a, b) => (a < b ? -1 : 1)),
  );

describe("a request in version 2.0", () => {
  it("becomes the very rows that the same request in 1.0 becomes", async () => {
    const series = [load, requests, bucket];
    expect((await write(encode2(series), v2)).status).toBe(204);
    const fromV2 = rows();
    journal.batches.splice(0);
    expect((await write(encode1(series), v1)).status).toBe(204);
    expect(fromV2).toEqual(rows());
    expect(fromV2.map((table) => table.length)).toEqual([2, 2]);
  });

  it("says how much was written, in every answer", async () => {
    const exemplars = [
      { labels: { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331", user: "u" }, value: 9 },
    ];
    const answer = await write(encode2([load, { ...requests, samples: [[8, nowMs]], exemplars }]), v2);
    expect(answer).toMatchObject({ status: 204, written: ["3", "0", "1"] });
    const [row] = journal.rows("otel_metrics_sum");
    expect(row).toMatchObject({
      "Exemplars.TraceId": ["0af7651916cd43dd8448eb211c80319c"],
      "Exemplars.SpanId": ["b7ad6b7169203331"],
      "Exemplars.Value": [9],
    });
    expect((await write(encode1([load]), v1)).written).toEqual([null, null, null]);
  });

  it("brings the start of a counter, of the series or of each sample", async () => {
    const counter = (code: string, more: Partial<Series>): Series => ({
      labels: { __name__: "started_total", ...node, code },
      samples: [[7, nowMs]],
      type: "counter",
      ...more,
    });
    const body = encode2([
      counter("1", { createdMs: nowMs - 60_000 }),
      counter("2", { samples: [[7, nowMs, nowMs - 30_000]], createdMs: nowMs - 60_000 }),
      counter("3", {}),
    ]);
    expect((await write(body, v2)).status).toBe(204);
    const starts = journal
      .rows("otel_metrics_sum")
      .map((row) => Number(BigInt(row.StartTimeUnix as bigint) / 1_000_000n));
    expect(starts).toEqual([nowMs - 60_000, nowMs - 30_000, nowMs]);
  });

  it("keeps the starts of two targets apart whose series look alike", async () => {
    const at = (ms: number, a: number, b: number): Series[] =>
      (
        [
          ["a:1", a],
          ["b:1", b],
        ] as const
      ).map(([instance, value]) => ({
        labels: { __name__: "tokens_total", ...vllm(instance) },
        samples: [[value, nowMs + ms]],
        type: "counter",
      }));
    for (const body of [at(0, 100, 5), at(1000, 110, 6), at(2000, 120, 7)]) await write(encode2(body), v2);
    const starts = new Set(journal.rows("otel_metrics_sum").map((row) => String(row.StartTimeUnix)));
    expect([...starts]).toEqual([`${nowMs}000000`]);
  });
});

describe("what is refused", () => {
  it("is told by name with 400, the rest is kept: native histograms, series without names, symbols that are not there", async () => {
    const native: Series = { labels: { __name__: "rpc_seconds", ...node }, histograms: 2, type: "histogram" };
    const answer = await write(
      encode2([native, { labels: { job: "x" }, samples: [[1, nowMs]] }, { ...load, samples: [[4, nowMs]] }]),
      v2,
    );
    expect(answer).toMatchObject({ status: 400, written: ["1", "0", "0"] });
    expect(answer.text).toContain('"rpc_seconds" is a native histogram');
    expect(answer.text).toContain("no __name__");
    expect(journal.rows("otel_metrics_gauge").map((row) => row.Value)).toEqual([4]);
    expect(counts.total("homeostat.receive.dropped", { reason: "native-histogram" })).toBe(2);

    const writer = createProtoWriter();
    writer.bytes(4, new Uint8Array(0));
    writer.message(5, () => writer.bytes(1, Uint8Array.of(1, 99)));
    expect(await write(writer.finish(), v2)).toMatchObject({ status: 400, written: ["0", "0", "0"] });
  });

  it("is a message of no known kind", async () => {
    for (const type of ["application/json", "application/x-protobuf;proto=io.prometheus.write.v3.Request"])
      expect((await write(encode2([load]), type)).status).toBe(415);
  });

  it("never throws anything else, whatever the bytes", () => {
    const state = () => ({ types: new Map(), starts: createStartTimes(10), accepts: () => true });
    const good = encode2([load, requests, { ...bucket, exemplars: [{ labels: { a: "b" }, value: 1 }] }]);
    const flips = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(flips, fc.nat(good.length), (changes, cut) => {
        const bytes = good.slice(0, cut);
        for (const [at, value] of changes) if (at < cut) bytes[at] = value;
        try {
          remoteWrite2ToOtlp(bytes, state());
        } catch (error) {
          expect(isRefusal(error)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is a request whose few bytes stand for more text than a request may have", () => {
    const writer = createProtoWriter();
    writer.bytes(4, new Uint8Array(0));
    writer.text(4, "__name__");
    writer.text(4, "x".repeat(100_000));
    const labels = Uint8Array.from([1, 2, ...Array.from({ length: 100 }, () => [2, 2]).flat()]);
    for (let i = 0; i < 100; i++) {
      writer.message(5, () => {
        writer.bytes(1, labels);
        writer.message(2, () => writer.double(1, 1));
      });
    }
    const state = { types: new Map(), starts: createStartTimes(10), accepts: () => true };
    expect(() => remoteWrite2ToOtlp(writer.finish(), state)).toThrow(/characters of labels/);
  });
});
