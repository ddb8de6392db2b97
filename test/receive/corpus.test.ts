// A corpus of real payloads: each accepted, JSON and protobuf alike, with the rows the collector's exporter would make.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDecoder, type DecodeAnswer, type Encoding, type Signal } from "../../src/receive/decoder.ts";
import { type Engine, openEngine } from "./engine.ts";
import { asSent } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const corpus = "../shared/data/otlp";
const present = existsSync(corpus);
const paths = present ? readdirSync(corpus, { recursive: true, encoding: "utf8" }) : [];
const jsonFiles = paths.filter((path) => path.endsWith(".json"));
const protobufFiles = paths.filter((path) => path.endsWith(".pb") && !path.includes("truncated"));

function signalOf(json: string): Signal {
  if (json.includes('"resourceSpans"')) return "traces";
  return json.includes('"resourceMetrics"') ? "metrics" : "logs";
}

function decode(signal: Signal, encoding: Encoding, body: Uint8Array): { answer: DecodeAnswer; rows: Row[] } {
  const decoder = createDecoder({ window: null, privacy: asSent });
  const answer = decoder.decode(signal, encoding, body, 1_763_900_000_000);
  return { answer, rows: decoder.seal().batches.flatMap(rowsOf) };
}

/** The protobuf twin of a JSON payload, by the corpus' naming. */
function twinOf(path: string): string | undefined {
  const parts = path.split("/");
  const name = path.startsWith("opentelemetry-proto")
    ? `pb/proto-example-${parts.at(-1)!.replace(".json", ".pb")}`
    : path.startsWith("hyperdx")
      ? `pb/hyperdx-${parts.slice(1, -1).join("__")}.pb`
      : path.replace(".json", ".pb");
  return existsSync(`${corpus}/${name}`) ? name : undefined;
}

describe("the payload corpus", () => {
  it.skipIf(!present).each(jsonFiles.length === 0 ? ["(needs ../shared/data/otlp)"] : jsonFiles)(
    "accepts %s, and its protobuf twin with the same rows",
    (path) => {
      const body = readFileSync(`${corpus}/${path}`);
      const signal = signalOf(body.toString("utf8"));
      const json = decode(signal, "json", body);
      expect(json.answer).toMatchObject({ kind: "decoded", rejected: 0 });
      const twin = twinOf(path);
      if (twin === undefined) return;
      const protobuf = decode(signal, "protobuf", new Uint8Array(readFileSync(`${corpus}/${twin}`)));
      // Severity in snake_case is not OTLP/JSON; the twins were made by a reader that let it pass.
      const strip = ({ SeverityText: _, SeverityNumber: __, ...row }: Row): Row => row;
      const plain = body.includes("severity_") ? (rows: Row[]) => rows.map(strip) : (rows: Row[]) => rows;
      expect(plain(json.rows)).toEqual(plain(protobuf.rows));
    },
  );

  it.skipIf(!present)("reads compressed twins as the plain ones (needs ../shared/data/otlp)", () => {
    for (const path of protobufFiles) {
      const plain = readFileSync(`${corpus}/${path}`);
      if (existsSync(`${corpus}/${path}.gz`))
        expect(gunzipSync(readFileSync(`${corpus}/${path}.gz`)).equals(plain)).toBe(true);
    }
  });

  it.skipIf(!present)("refuses a truncated body (needs ../shared/data/otlp)", () => {
    const body = new Uint8Array(readFileSync(`${corpus}/synthetic/truncated.pb`));
    for (const signal of ["traces", "metrics", "logs"] as const)
      expect(decode(signal, "protobuf", body).answer.kind).toBe("malformed");
  });

  it.skipIf(!present)("keeps a stale point's flag and a DCGM blank as it is (needs ../shared/data/otlp)", () => {
    const { rows } = decode(
      "metrics",
      "protobuf",
      new Uint8Array(readFileSync(`${corpus}/synthetic/prometheusreceiver-vllm-dcgm.pb`)),
    );
    const points = rows.filter((row) => "Flags" in row);
    expect(points.filter((row) => row.Flags === 1).map((row) => row.Value)).toEqual([0]);
    expect(points.some((row) => row.Value === Number("9223372036854775794"))).toBe(true);
  });
});

describe("rows the exporter's users expect", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = openEngine();
  });
  afterAll(() => engine.close());

  // The other cases of that project expect what its own pipelines make of log bodies and severities.
  const cases = ["traces/basic-insert", "metrics/gauge-insert", "auto-parse/default", "oidc-auth/valid-token"];
  it.skipIf(!present).each(cases)("%s (needs ../shared/data/otlp)", (name) => {
    const folder = `${corpus}/hyperdx-smoke-tests/${name}`;
    const body = readFileSync(`${folder}/input.json`);
    const decoder = createDecoder({ window: null, privacy: asSent });
    decoder.decode(signalOf(body.toString("utf8")), "json", body, 0);
    const batch = decoder.seal().batches.find(({ table }) => table !== "otel_metrics_series")!;
    const sql = readFileSync(`${folder}/assert_query.sql`, "utf8")
      .replace(/FROM (\w+\.)?otel_\w+/, "FROM rows")
      .replace(/FORMAT CSV/, "");
    const lines = engine
      .query(batch, `SELECT formatRow('CSV', *) AS line FROM (${sql})`)
      .map((row) => String(row.line).trimEnd());
    expect(lines).toEqual(readFileSync(`${folder}/expected.snap`, "utf8").trim().split("\n"));
  });
});
