// Our column bytes in the real engine: what it reads is what was written.
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnBatch, TelemetryTable } from "../../src/model/batch.ts";
import { createBytes, sourceOf, textSource } from "../../src/model/columns/bytes.ts";
import { createColumn, sizeOf, writeColumn } from "../../src/model/columns/column.ts";
import { appendLow } from "../../src/model/columns/dictionary.ts";
import { appendText, isUtf8, REPLACED, TRUNCATED } from "../../src/model/columns/text.ts";
import { columnsOf, telemetryTables } from "../../src/model/otel-schema.ts";
import { createDecoder } from "../../src/receive/decoder.ts";
import { requests } from "./arbitraries.ts";
import { type Engine, openEngine } from "./engine.ts";
import { encode } from "./otlp-proto.ts";
import { asSent } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const schemaFile = "../shared/otel-schema.sql";
let engine: Engine;

beforeAll(() => {
  engine = openEngine();
});
afterAll(() => engine.close());

/** Our reading of a batch in the engine's words: numbers of 64 bits as text, maps as objects, times in their unit. */
function inEngineWords(value: unknown, type: string): unknown {
  const inner = /^Array\((.*)\)$/.exec(type)?.[1];
  if (inner !== undefined) return (value as unknown[]).map((element) => inEngineWords(element, inner));
  if (type.startsWith("Map(")) return Object.fromEntries(value as [string, string][]);
  if (typeof value === "bigint") return String(type.startsWith("DateTime64") ? BigInt.asIntN(64, value) : value);
  if (typeof value === "number" && !Number.isFinite(value))
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  return value;
}

/** Times as their number, so that no calendar comes between. */
function selectAll(table: TelemetryTable): string {
  const columns = columnsOf(table).map(({ name, type }) => {
    if (type === "Date") return `toUInt16(\`${name}\`) AS \`${name}\``;
    if (type === "DateTime64(9)") return `toUnixTimestamp64Nano(\`${name}\`) AS \`${name}\``;
    if (type === "DateTime64(3)") return `toUnixTimestamp64Milli(\`${name}\`) AS \`${name}\``;
    if (type === "Array(DateTime64(9))") return `arrayMap(t -> toUnixTimestamp64Nano(t), \`${name}\`) AS \`${name}\``;
    return `\`${name}\``;
  });
  return `SELECT ${columns.join(", ")} FROM rows`;
}

function expectEngineAgrees(batch: ColumnBatch): void {
  const types = columnsOf(batch.table);
  const ours = rowsOf(batch).map((row) =>
    Object.fromEntries(types.map(({ name, type }) => [name, inEngineWords(row[name], type)])),
  );
  expect(engine.query(batch, selectAll(batch.table))).toEqual(ours as Row[]);
}

describe("batches in the real engine", () => {
  it("are read as they were written, for every table and any telemetry", () => {
    const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
    const seen = new Set<TelemetryTable>();
    for (let seed = 1; seed <= 6; seed++) {
      for (const signal of ["traces", "logs", "metrics"] as const) {
        for (const message of fc.sample(requests[signal], { numRuns: 15, seed }))
          decoder.decode(signal, "protobuf", encode(signal, message), 0);
      }
      for (const batch of decoder.seal().batches) {
        seen.add(batch.table);
        expectEngineAgrees(batch);
      }
    }
    expect(seen).toEqual(new Set(telemetryTables));
  });

  it("keep dictionaries of more than 256 and more than 65536 entries", () => {
    for (const entries of [257, 70_000]) {
      const column = createColumn("LowCardinality(String)");
      if (column.kind !== "low") throw new Error("wrong kind");
      for (let i = 0; i < entries; i++) {
        const source = textSource(`entry-${i}`);
        appendLow(column.low, source, 0, source.length, 0, 100);
      }
      const out = createBytes(sizeOf(column));
      writeColumn(column, out);
      const batch: ColumnBatch = {
        table: "otel_logs",
        rows: entries,
        columns: [{ name: "x", type: "LowCardinality(String)", bytes: out.data }],
      };
      expect(
        engine.query(
          batch,
          "SELECT uniqExact(x) AS n, countIf(x = concat('entry-', toString(rowNumberInAllBlocks()))) AS same FROM rows",
        ),
      ).toEqual([{ n: String(entries), same: String(entries) }]);
    }
  });
});

describe("the schema", () => {
  it.skipIf(!existsSync(schemaFile))(
    "has the columns and types of the reference tables (needs ../shared/otel-schema.sql)",
    () => {
      const sql = readFileSync(schemaFile, "utf8");
      for (const table of telemetryTables) {
        const body =
          new RegExp(`CREATE TABLE IF NOT EXISTS otel\\.${table} \\(([\\s\\S]*?)\\n\\) ENGINE`).exec(sql)?.[1] ?? "";
        expect(columnsOf(table).toSorted(byName)).toEqual(referenceColumns(body).toSorted(byName));
      }
    },
  );
});

describe("text", () => {
  it("is valid UTF-8 exactly where the platform's decoder says so", () => {
    const fatal = new TextDecoder("utf-8", { fatal: true });
    const valid = (bytes: Uint8Array): boolean => {
      try {
        fatal.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    const lead = fc.constantFrom(
      0x41,
      0xc1,
      0xc2,
      0xe0,
      0xe1,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0x80,
      0xbf,
      0x9f,
      0x90,
      0xa0,
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(lead, fc.nat(255)), { maxLength: 8 }), (bytes) => {
        const data = Uint8Array.from(bytes);
        expect(isUtf8(data, 0, data.length)).toBe(valid(data));
      }),
      { numRuns: 3000 },
    );
  });

  it("is cut at a character and says so", () => {
    const column = createBytes();
    const source = textSource("é".repeat(10));
    expect(appendText(column, source, 0, source.length, 5)).toBe(TRUNCATED);
    expect([...column.data.subarray(0, column.length)]).toEqual([4, 0xc3, 0xa9, 0xc3, 0xa9]);
  });

  it("that is not UTF-8 is replaced and says so", () => {
    const column = createBytes();
    expect(appendText(column, sourceOf(Uint8Array.from([0x61, 0xff, 0x62])), 0, 3, 10)).toBe(REPLACED);
    expect(new TextDecoder().decode(column.data.subarray(1, column.length))).toBe("a\ufffdb");
  });
});

interface NamedType {
  readonly name: string;
  readonly type: string;
}

function byName(a: NamedType, b: NamedType): number {
  return a.name < b.name ? -1 : 1;
}

/** Columns of a CREATE TABLE body, Nested spread out, without those an INSERT does not name. */
function referenceColumns(body: string): NamedType[] {
  return body.split("\n").flatMap((line): NamedType[] => {
    if (/\b(MATERIALIZED|ALIAS)\b|^\s*(INDEX|--)/.test(line)) return [];
    const nested = /^\s*(\w+) Nested \((.*)\) CODEC/.exec(line);
    if (nested !== null) {
      return [...nested[2]!.matchAll(/(\w+) ((?:Map\([^)]*\), \w+\)|\w+(?:\([^)]*\))?))/g)].map(([, name, type]) => ({
        name: `${nested[1]}.${name}`,
        type: `Array(${type})`,
      }));
    }
    const plain = /^\s*(\w+) (.+?)(?: CODEC\(.*)?,?$/.exec(line);
    return plain === null ? [] : [{ name: plain[1]!, type: plain[2]! }];
  });
}
