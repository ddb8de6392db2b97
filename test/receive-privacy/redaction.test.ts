// What of texts gets into the batches: real decoding, rows read back, and canaries searched for in every encoded byte.
import { describe, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { createDecoder, type DecodeAnswer, type Signal } from "../../src/receive/decoder.ts";
import { limits } from "../../src/receive/limits.ts";
import { openReceive, type PrivacyPolicy } from "../../src/receive/receive.ts";
import { countingTelemetry, createMemoryJournal } from "../receive/memory-journal.ts";
import { encode } from "../receive/otlp-proto.ts";
import { gaugeRequest, nowMs, spanRequest } from "../receive/payloads.ts";
import { type Row, rowsOf } from "../receive/read-native.ts";

const prompt = "canary-prompt: tell me a story";
const secret = "sk-proj-abcdefghijklmnopqrstuvwx";
const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
const map = (values: object[]): object => ({ kvlistValue: { values } });

function logRequest(record: object): Uint8Array {
  const logRecords = [{ timeUnixNano: `${nowMs}000000`, ...record }];
  return encode("logs", { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

interface Decoded {
  readonly answer: Extract<DecodeAnswer, { kind: "decoded" }>;
  readonly rows: Row[];
  readonly batches: readonly ColumnBatch[];
}

function decode(signal: Signal, body: Uint8Array, privacy: PrivacyPolicy = {}): Decoded {
  const decoder = createDecoder({ window: null, privacy });
  const answer = decoder.decode(signal, "protobuf", body, nowMs);
  if (answer.kind !== "decoded") throw new Error(answer.says);
  const { batches } = decoder.seal();
  return { answer, batches, rows: batches.flatMap(rowsOf) };
}

function contains(batches: readonly ColumnBatch[], needle: string): boolean {
  return batches.some((batch) => batch.columns.some((column) => Buffer.from(column.bytes).includes(needle)));
}

const attributesOf = (row: Row | undefined, column: string): Record<string, string> =>
  Object.fromEntries((row?.[column] ?? []) as [string, string][]);
const spanAttributes = (attributes: object[], privacy?: PrivacyPolicy): Record<string, string> =>
  attributesOf(decode("traces", spanRequest("x", { attributes }), privacy).rows[0], "SpanAttributes");

describe("content attributes", () => {
  const keys = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.documents",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.completion",
    "gen_ai.completion.12.content",
    "llm.prompts.0.content",
    "llm.completions",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "input.value",
    "output.value",
  ];

  it("are dropped and leave their length, whatever kind of value, wherever they stand, however often", () => {
    const values = [
      { stringValue: prompt },
      { arrayValue: { values: [{ stringValue: prompt }] } },
      map([text("content", prompt)]),
      { bytesValue: Buffer.from(prompt) },
    ];
    const attributes = keys.map((key, i) => ({ key, value: values[i % 4]! }));
    const span = {
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(1),
      startTimeUnixNano: `${nowMs}000000`,
      attributes: [text("plain", "kept"), ...attributes],
      events: [{ name: "e", attributes }],
      links: [{ traceId: new Uint8Array(16).fill(1), spanId: new Uint8Array(8).fill(1), attributes }],
    };
    const scopeSpans = [{ scope: { attributes }, spans: [span, span, span] }];
    const body = encode("traces", { resourceSpans: [{ resource: { attributes }, scopeSpans }] });
    const { answer, batches, rows } = decode("traces", body);
    expect(contains(batches, "canary")).toBe(false);
    expect(contains(batches, Buffer.from(prompt).toString("base64").slice(0, 12))).toBe(false);
    expect(rows).toHaveLength(3);
    for (const row of rows) {
      const kept = attributesOf(row, "SpanAttributes");
      expect(kept["homeostat.text.gen_ai.input.messages.length"]).toBe(String(prompt.length));
      expect(kept.plain).toBe("kept");
      expect(Object.keys(kept)).toHaveLength(keys.length + 1);
    }
    // Resource attributes once, those of spans, events and links three times; the scope's have no column.
    expect(answer.tally.redacted.get("dropped")).toBe(keys.length * 10);
    expect(answer.says).toBe("");
  });

  it("do not slip through where another key stood before, over rollbacks and seals", () => {
    const decoder = createDecoder({ window: null });
    const orders = [
      [text("a", "1"), text("b", "2")],
      [text("gen_ai.prompt", prompt), text("a", "1")],
      [text("b", "2"), text("gen_ai.prompt", prompt)],
      [text("new", "1"), text("input.value", prompt), text("gen_ai.prompt", prompt)],
      [],
    ];
    const batches: ColumnBatch[] = [];
    let state = 1;
    for (let i = 0; i < 500; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const attributes = [...orders[(state >>> 8) % orders.length]!, text(`k${(state >>> 16) % 5}`, "v")];
      const isLog = i % 2 === 0;
      const body = isLog
        ? logRequest({ attributes, eventName: state & 64 ? "gen_ai.choice" : "", body: { stringValue: "x" } })
        : spanRequest("x", { attributes, events: [{ name: state & 64 ? "gen_ai.user.message" : "", attributes }] });
      const broken = (state >>> 24) % 3 === 0;
      const sent = broken ? Uint8Array.from([...body, 0x0a, 0x7f]) : body;
      const answer = decoder.decode(isLog ? "logs" : "traces", "protobuf", sent, nowMs);
      expect(answer.kind).toBe(broken ? "malformed" : "decoded");
      if ((state >>> 28) % 5 === 0) batches.push(...decoder.seal().batches);
    }
    batches.push(...decoder.seal().batches);
    expect(contains(batches, "canary")).toBe(false);
    const kept = batches
      .flatMap(rowsOf)
      .map((row) => attributesOf(row, row.Body === undefined ? "SpanAttributes" : "LogAttributes"));
    expect(new Set(kept.map((each) => each.a))).toEqual(new Set(["1", undefined]));
    expect(new Set(kept.map((each) => each.b))).toEqual(new Set(["2", undefined]));
  });

  it("inside a map value become null, and the rest of the map stays", () => {
    const attributes = [{ key: "request", value: map([text("gen_ai.prompt", prompt), text("model", "llama")]) }];
    expect(spanAttributes(attributes)).toEqual({ request: '{"gen_ai.prompt":null,"model":"llama"}' });
  });

  it("of metric points, exemplars and series descriptions are dropped too", () => {
    const exemplars = [
      { timeUnixNano: `${nowMs}000000`, asDouble: 1, filteredAttributes: [text("input.value", prompt)] },
    ];
    const { batches, rows } = decode("metrics", gaugeRequest("m", 1, { "gen_ai.prompt": prompt }, { exemplars }));
    expect(rows).toHaveLength(2);
    expect(contains(batches, "canary")).toBe(false);
    expect(contains(batches, "homeostat.text.input.value.length")).toBe(true);
  });

  it("that are ordinary words hold content only in events named for it", () => {
    const attributes = [text("content", prompt), text("gen_ai.system", "vllm")];
    const events = ["gen_ai.user.message", "other"].map((name) => ({ name, attributes }));
    const [row] = decode("traces", spanRequest("x", { attributes: [text("content", "article")], events })).rows;
    const [message, other] = row!["Events.Attributes"] as [string, string][][];
    expect(message).toEqual([
      ["homeostat.text.content.length", String(prompt.length)],
      ["gen_ai.system", "vllm"],
    ]);
    expect(other![0]).toEqual(["content", prompt]);
    expect(attributesOf(row, "SpanAttributes")).toEqual({ content: "article" });
  });
});

describe("rules", () => {
  it("come before the defaults, the first that matches counts, a star makes a prefix", () => {
    const rules = [
      { key: "gen_ai.prompt.0.role", action: "keep" },
      { key: "user.*", action: "mask" },
      { key: "session.id", action: "hash" },
      { key: "tenant.secret", action: "drop" },
      { key: "user.name", action: "keep" },
    ] as const;
    const attributes = [
      text("gen_ai.prompt.0.role", "user"),
      text("gen_ai.prompt.0.content", prompt),
      text("user.email", "ana@example.com"),
      text("user.name", "ana@example.com"),
      { key: "user.card", value: { intValue: "4539148803436467" } },
      text("session.id", "s-1"),
      text("tenant.secret", "x"),
    ];
    const kept = spanAttributes(attributes, { rules, salt: "0123456789abcdef" });
    expect(kept).toEqual({
      "gen_ai.prompt.0.role": "user",
      "homeostat.text.gen_ai.prompt.0.content.length": String(prompt.length),
      "user.email": "[email]",
      "user.name": "[email]",
      "user.card": "[card]",
      "session.id": expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      "homeostat.text.tenant.secret.length": "1",
    });
    const other = spanAttributes(attributes, { rules, salt: "another salt ...." });
    expect(other["session.id"]).not.toBe(kept["session.id"]);
    expect(spanAttributes(attributes, { rules, salt: "0123456789abcdef" })["session.id"]).toBe(kept["session.id"]);
  });

  it("that hash need a salt", async () => {
    const privacy = { rules: [{ key: "a", action: "hash" }] } as const;
    expect(() => createDecoder({ window: null, privacy })).toThrow("salt");
    const { telemetry } = countingTelemetry();
    const options = { host: "127.0.0.1", httpPort: 0, grpcPort: -1, window: null, privacy };
    await expect(openReceive(options, { journal: createMemoryJournal(), telemetry, now: () => nowMs })).rejects.toThrow(
      "salt",
    );
  });
});

describe("log bodies", () => {
  const body = (value: object, privacy?: PrivacyPolicy, more: object = {}): Decoded =>
    decode("logs", logRequest({ body: value, ...more }), privacy);

  it("are masked, text and every text inside a map, with the JSON left whole", () => {
    expect(body({ stringValue: `key ${secret} leaked by ana@example.com` }).rows[0]!.Body).toBe(
      "key [secret] leaked by [email]",
    );
    const inside = map([
      text("line", `first\n${secret}`),
      text("gen_ai.completion", prompt),
      { key: "card", value: { intValue: "4539148803436467" } },
      { key: "bytes", value: { intValue: "4096000000" } },
      { key: "raw", value: { bytesValue: Buffer.from(secret) } },
    ]);
    const { rows, batches, answer } = body(inside);
    expect(JSON.parse(rows[0]!.Body as string)).toEqual({
      line: "first\n[secret]",
      "gen_ai.completion": null,
      card: "[card]",
      bytes: 4096000000,
      raw: Buffer.from("[secret]").toString("base64"),
    });
    expect(contains(batches, "abcdefghijklmnop")).toBe(false);
    expect(Object.fromEntries(answer.tally.redacted)).toEqual({ masked: 3, dropped: 1 });
  });

  it("with JSON in their text are masked behind its escapes, which stay whole", () => {
    const json = JSON.stringify({ line: `a\n${secret}\tana@example.com` });
    expect(JSON.parse(body({ stringValue: json }).rows[0]!.Body as string)).toEqual({ line: "a\n[secret]\t[email]" });
  });

  it("are masked before they are cut, so that no half of a secret is left at the end", () => {
    for (const before of [10, 30, 4000, 4200]) {
      const { rows, batches } = body({
        stringValue: `${"x ".repeat((limits.bodyBytes - before) / 2)}${secret} ${"y".repeat(9000)}`,
      });
      expect((rows[0]!.Body as string).length).toBeLessThanOrEqual(limits.bodyBytes);
      expect(contains(batches, "sk-proj")).toBe(false);
    }
    // Labels are shorter than what they replace, so the end of what was looked at moves into what is kept.
    for (const before of [5, 10, 20]) {
      const many = body({ stringValue: `${"x".repeat(before)} ${`${secret} `.repeat(20_000)}` });
      expect(contains(many.batches, "sk-proj")).toBe(false);
    }
  });

  it("are kept or dropped if that is the policy; dropped ones leave their length", () => {
    expect(body({ stringValue: secret }, { logBodies: "keep" }).rows[0]!.Body).toBe(secret);
    const dropped = body({ stringValue: secret }, { logBodies: "drop" });
    expect(dropped.rows[0]!.Body).toBe("");
    expect(attributesOf(dropped.rows[0], "LogAttributes")).toEqual({
      "homeostat.text.body.length": String(secret.length),
    });
  });

  it("of events that carry a prompt are dropped, by either way to name an event", () => {
    for (const more of [{ eventName: "gen_ai.user.message" }, { attributes: [text("event.name", "gen_ai.choice")] }]) {
      const { rows, batches } = body(map([text("content", prompt)]), {}, more);
      expect(rows[0]!.Body).toBe("");
      expect(contains(batches, "canary")).toBe(false);
      expect(Object.keys(attributesOf(rows[0], "LogAttributes"))).toContain("homeostat.text.body.length");
      expect(body({ stringValue: prompt }, { content: "keep" }, more).rows[0]!.Body).toBe(prompt);
    }
  });
});

it("the policy reaches the decoding thread, JSON is treated alike, and what was done is counted", async () => {
  const journal = createMemoryJournal();
  const counts = countingTelemetry();
  await using receive = await openReceive(
    {
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: -1,
      window: null,
      seriesPerMetric: 1,
      privacy: { rules: [{ key: "user.id", action: "hash" }], salt: "0123456789abcdef" },
    },
    { journal, telemetry: counts.telemetry, now: () => nowMs },
  );
  const send = async (signal: string, body: object): Promise<string> => {
    const url = `http://127.0.0.1:${receive.httpPort}/v1/${signal}`;
    const headers = { "content-type": "application/json" };
    return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).text();
  };
  const span = {
    traceId: "01".repeat(16),
    spanId: "02".repeat(8),
    startTimeUnixNano: `${nowMs}000000`,
    attributes: [text("gen_ai.input.messages", prompt), text("user.id", "canary-user")],
  };
  await send("traces", { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const logRecords = [{ timeUnixNano: `${nowMs}000000`, body: { stringValue: `see ${secret}` } }];
  await send("logs", { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
  const dataPoints = ["a", "b"].map((pod) => ({
    timeUnixNano: `${nowMs}000000`,
    asDouble: 1,
    attributes: [text("pod", pod)],
  }));
  const metrics = [{ name: "up", gauge: { dataPoints } }];
  const said = await send("metrics", { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] });
  expect(JSON.parse(said)).toMatchObject({ partialSuccess: { rejectedDataPoints: "1" } });
  expect(said).toMatch(/up.*pod/);
  expect(contains(journal.batches, "canary")).toBe(false);
  expect(contains(journal.batches, secret)).toBe(false);
  expect(journal.rows("otel_logs")[0]!.Body).toBe("see [secret]");
  for (const kind of ["dropped", "masked", "hashed"])
    expect(counts.total("homeostat.receive.redacted", { kind })).toBe(1);
  expect(counts.total("homeostat.receive.dropped", { reason: "series-limit" })).toBe(1);
});
