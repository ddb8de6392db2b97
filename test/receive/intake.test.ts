// The intake: group commit, resends, a journal that refuses, a decoding thread that dies.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyOf } from "../../src/receive/body.ts";
import type { Signal } from "../../src/receive/decoder.ts";
import { type Intake, type IntakeAnswer, openIntake } from "../../src/receive/intake.ts";
import { countingTelemetry, createMemoryJournal, latch, type MemoryJournal, until } from "./memory-journal.ts";
import { gaugeRequest, logRequest, nowMs, spanRequest } from "./payloads.ts";

let journal: MemoryJournal;
let counts: ReturnType<typeof countingTelemetry>;
let intake: Intake;

beforeEach(() => {
  journal = createMemoryJournal();
  counts = countingTelemetry();
  intake = openIntake({ window: null }, { journal, telemetry: counts.telemetry, now: () => nowMs });
});
afterEach(() => intake[Symbol.asyncDispose]());

async function submit(signal: Signal, body: Uint8Array, tenant = "default"): Promise<IntakeAnswer> {
  return intake.submit({
    tenant,
    signal,
    encoding: "protobuf",
    key: await keyOf(tenant, signal, "protobuf", body),
    body: body.slice(),
  });
}

describe("group commit", () => {
  it("acknowledges a request only once the journal has it", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    let answered = false;
    const answer = submit("traces", spanRequest("a")).then((value) => {
      answered = true;
      return value;
    });
    await until(() => journal.appends === 1);
    expect(answered).toBe(false);
    gate.open();
    expect(await answer).toEqual({ kind: "accepted", rejected: 0, says: "" });
    expect(journal.rows("otel_traces").map((row) => row.SpanName)).toEqual(["a"]);
  });

  it("gathers what arrives during an append into one next append", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    const first = submit("traces", spanRequest("first"));
    await until(() => journal.appends === 1);
    const others = [
      ...Array.from({ length: 20 }, (_, i) => submit("traces", spanRequest(`other ${i}`))),
      submit("logs", logRequest("hello")),
    ];
    await until(() => counts.total("homeostat.receive.items", { outcome: "accepted" }) === 22);
    gate.open();
    const answers = await Promise.all([first, ...others]);
    expect(answers.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(journal.appends).toBe(2);
    expect(journal.rows("otel_traces")).toHaveLength(21);
    expect(journal.rows("otel_logs").map((row) => row.Body)).toEqual(["hello"]);
  });

  it("keeps a malformed request from spoiling the others", async () => {
    const answers = await Promise.all([
      submit("traces", spanRequest("good")),
      submit("traces", Uint8Array.of(0x0a, 0x7f)),
      submit("traces", spanRequest("better")),
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(["accepted", "malformed", "accepted"]);
    expect(journal.rows("otel_traces").map((row) => row.SpanName)).toEqual(["good", "better"]);
  });

  it("acknowledges nothing of a group the journal refuses, and takes it when sent again", async () => {
    journal.failure = "disk full";
    const refused = await Promise.all([submit("traces", spanRequest("a")), submit("metrics", gaugeRequest("m", 1))]);
    expect(refused.map(({ kind }) => kind)).toEqual(["busy", "busy"]);
    expect(refused[0]!.says).toContain("disk full");
    journal.failure = undefined;
    expect((await submit("traces", spanRequest("a"))).kind).toBe("accepted");
    expect(journal.rows("otel_traces")).toHaveLength(1);
  });
});

describe("tenants of one group", () => {
  it("are appended each for itself, rows, requests and series descriptions", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    const first = submit("traces", spanRequest("first"), "a");
    await until(() => journal.appends === 1);
    const others = ["a", "b", "a", "default"].flatMap((tenant, i) => [
      submit("traces", spanRequest(`${tenant} ${i}`), tenant),
      submit("metrics", gaugeRequest("m", i), tenant),
    ]);
    await until(() => counts.total("homeostat.receive.items", { outcome: "accepted" }) === 9);
    gate.open();
    expect((await Promise.all([first, ...others])).every(({ kind }) => kind === "accepted")).toBe(true);
    expect(journal.appends).toBe(4);
    const names = (tenant: string): unknown[] => journal.rows("otel_traces", tenant).map((row) => row.SpanName);
    expect([names("a"), names("b"), names("default")]).toEqual([["first", "a 0", "a 2"], ["b 1"], ["default 3"]]);
    // The same series is described once to each tenant.
    for (const tenant of ["a", "b", "default"]) expect(journal.rows("otel_metrics_series", tenant)).toHaveLength(1);
  });

  it("do not share the fate of an append that fails", async () => {
    journal.failure = "no room for b";
    journal.failureOf = "b";
    const answers = await Promise.all([
      submit("traces", spanRequest("x"), "a"),
      submit("traces", spanRequest("x"), "b"),
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(["accepted", "busy"]);
  });
});

describe("resends", () => {
  it("are acknowledged and counted, not stored again", async () => {
    await submit("traces", spanRequest("a"));
    expect(await submit("traces", spanRequest("a"))).toEqual({ kind: "accepted", rejected: 0, says: "" });
    expect(journal.rows("otel_traces")).toHaveLength(1);
    expect(counts.total("homeostat.receive.resends", { signal: "traces" })).toBe(1);
  });

  it("of a request not yet committed share its fate", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    const answers = [submit("logs", logRequest("x")), submit("logs", logRequest("x")), submit("logs", logRequest("x"))];
    await until(() => journal.appends === 1);
    gate.open();
    expect((await Promise.all(answers)).map(({ kind }) => kind)).toEqual(["accepted", "accepted", "accepted"]);
    expect(journal.rows("otel_logs")).toHaveLength(1);
    expect(counts.total("homeostat.receive.resends")).toBe(2);
  });

  it("are told apart by tenant, signal and encoding", async () => {
    const body = spanRequest("a");
    const keys = await Promise.all([
      keyOf("a", "traces", "protobuf", body),
      keyOf("b", "traces", "protobuf", body),
      keyOf("a", "logs", "protobuf", body),
      keyOf("a", "traces", "json", body),
    ]);
    expect(new Set(keys).size).toBe(4);
  });
});

describe("series descriptions", () => {
  it("are stored once a day and series", async () => {
    await submit("metrics", gaugeRequest("m", 1));
    await submit("metrics", gaugeRequest("m", 2));
    await submit("metrics", gaugeRequest("m", 3, {}, { timeUnixNano: `${nowMs + 86_400_000}000000` }));
    expect(journal.rows("otel_metrics_gauge")).toHaveLength(3);
    expect(journal.rows("otel_metrics_series")).toHaveLength(2);
  });

  it("are given again if the journal did not take the first", async () => {
    journal.failure = "no";
    await submit("metrics", gaugeRequest("m", 1));
    journal.failure = undefined;
    await submit("metrics", gaugeRequest("m", 2));
    expect(journal.rows("otel_metrics_series")).toHaveLength(1);
  });
});

describe("a decoding thread that dies", () => {
  it("costs its unsealed requests a retryable answer and is replaced", async () => {
    const gate = latch();
    journal.gate = gate.wait;
    const promised = submit("traces", spanRequest("promised"));
    await until(() => journal.appends === 1);
    const lost = submit("traces", spanRequest("lost"));
    await until(() => counts.total("homeostat.receive.items") === 2);
    await intake.killDecoder();
    expect(await lost).toMatchObject({ kind: "busy" });
    gate.open();
    expect((await promised).kind).toBe("accepted");
    let again: IntakeAnswer = { kind: "busy", says: "" };
    while (again.kind === "busy") {
      again = await submit("traces", spanRequest("lost"));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(again.kind).toBe("accepted");
    expect(journal.rows("otel_traces").map((row) => row.SpanName)).toEqual(["promised", "lost"]);
    expect(counts.total("homeostat.receive.decoder_restarts")).toBe(1);
  });
});

describe("admission", () => {
  it("turns traces and logs away before metrics when the journal fills up", () => {
    const at = (backlogBytes: number): boolean[] => {
      journal.state = { backlogBytes, backlogLimitBytes: 100, writable: true };
      return (["traces", "logs", "metrics"] as const).map((signal) => intake.refusal("default", signal) === undefined);
    };
    expect(at(79)).toEqual([true, true, true]);
    expect(at(80)).toEqual([false, false, true]);
    expect(at(95)).toEqual([false, false, false]);
  });

  it("says why when the journal cannot be written", () => {
    journal.state = { ...journal.state, writable: false, reason: "disk full" };
    expect(intake.refusal("default", "metrics")?.says).toContain("disk full");
  });

  it("hands out only so much memory for bodies", () => {
    expect(intake.claim("default", 60 * 1024 * 1024)).toBe(true);
    expect(intake.claim("default", 10 * 1024 * 1024)).toBe(false);
    intake.release("default", 60 * 1024 * 1024);
    expect(intake.claim("default", 10 * 1024 * 1024)).toBe(true);
  });
});
