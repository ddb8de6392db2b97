// Bodies made to do harm, through a real HTTP door: each gets the answer it should, none a 5xx.
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openReceive, type Receive } from "../../src/receive/receive.ts";
import { type HttpAnswer, post } from "./door-client.ts";
import { countingTelemetry, createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { nowMs, spanRequest } from "./payloads.ts";

const folder = "../shared/data/badinput";
const present = existsSync(`${folder}/otlp_bad`);
/** Every so manieth seed of a corpus is sent. */
const SAMPLE = 5;

let journal: MemoryJournal;
let counts: ReturnType<typeof countingTelemetry>;
let receive: Receive;

beforeEach(async () => {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  receive = await openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: -1, window: null },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
});
afterEach(() => receive[Symbol.asyncDispose]());

const send = (body: Uint8Array, headers: Record<string, string> = {}, path = "/v1/traces"): Promise<HttpAnswer> =>
  post(receive.httpPort, body, headers, path);

/** Whether the door still takes a good request. */
async function stillServes(): Promise<void> {
  const name = "still here";
  expect((await send(spanRequest(name))).status).toBe(200);
  expect(journal.rows("otel_traces").at(-1)?.SpanName).toBe(name);
}

describe("bad input", () => {
  it.skipIf(!present)(
    "gets the answer proposed for it, and never a 5xx (needs ../shared/data/badinput/otlp_bad)",
    async () => {
      interface Case {
        readonly file: string;
        readonly path: string;
        readonly contentType: string;
        readonly contentEncoding: string | null;
        readonly expect: string;
      }
      const cases = JSON.parse(readFileSync(`${folder}/otlp_bad/manifest.json`, "utf8")) as Case[];
      const wrong: string[] = [];
      for (const { file, path, contentType, contentEncoding, expect: wanted } of cases) {
        const headers: Record<string, string> = { "Content-Type": contentType };
        if (contentEncoding !== null) headers["Content-Encoding"] = contentEncoding;
        const { status, body } = await send(readFileSync(`${folder}/otlp_bad/${file}`), headers, path);
        if (!allowed(file, wanted).includes(String(status)))
          wrong.push(`${file}: ${status}, wanted ${wanted}: ${body.toString("utf8").slice(0, 200)}`);
        if (/rejected_spans=1|rejected 1/.test(wanted) && body.length === 0) wrong.push(`${file}: nothing rejected`);
      }
      expect(cases.length).toBeGreaterThan(130);
      expect(wrong).toEqual([]);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      await stillServes();
    },
  );

  it.skipIf(!present).each([
    ["protobuf", "application/x-protobuf"],
    ["json", "application/json"],
  ])(
    "of the %s fuzz corpus is taken or refused with 400 (needs ../shared/data/badinput)",
    async (corpus, contentType) => {
      const seeds = untar(gunzipSync(readFileSync(`${folder}/go_fuzz_corpus/${corpus}.tar.gz`)));
      const sample = seeds.filter((_, i) => i % SAMPLE === 0);
      expect(sample.length).toBeGreaterThan(100);
      const seen = new Map<number, number>();
      for (const [i, body] of sample.entries()) {
        const path = ["/v1/traces", "/v1/metrics", "/v1/logs"][i % 3]!;
        const { status } = await send(body, { "Content-Type": contentType }, path);
        seen.set(status, (seen.get(status) ?? 0) + 1);
      }
      expect([...seen.keys()].filter((status) => status !== 200 && status !== 400)).toEqual([]);
      expect(counts.total("homeostat.receive.dropped_requests", { reason: "failed" })).toBe(0);
      await stillServes();
    },
  );
});

/** Statuses the manifest allows. Empty gzip members make an empty body, which is a valid empty request. */
function allowed(file: string, wanted: string): readonly string[] {
  if (file === "gz_empty_members_50k.gz") return ["200"];
  return wanted.match(/\b[24]\d\d\b/g) ?? (wanted.includes("partial") ? ["200"] : []);
}

/** Contents of the plain files of a tar archive: 512-byte headers with the size in octal at 124 and the type at 156. */
function untar(tar: Buffer): Buffer[] {
  const files: Buffer[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const type = tar[at + 156];
    if (type === 0x30 || type === 0) files.push(tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
