// What of texts in attributes gets into the batches: real decoding, rows read back, canaries searched for in every byte.
import { describe, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { createDecoder } from "../../src/receive/decoder.ts";
import { openReceive } from "../../src/receive/receive.ts";
import { countingTelemetry, createMemoryJournal } from "../receive/memory-journal.ts";
import { encode } from "../receive/otlp-proto.ts";
import { gaugeRequest, nowMs, spanRequest } from "../receive/payloads.ts";
import { rowsOf } from "../receive/read-native.ts";
import {
  attributesOf,
  contains,
  decode,
  logRequest,
  map,
  prompt,
  spanAttributes,
  text,
  withoutFacts,
} from "./redaction-support.ts";

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
      expect(Object.keys(withoutFacts(kept))).toHaveLength(keys.length + 1);
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
    expect(message!.slice(0, 2)).toEqual([
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
    const kept = withoutFacts(spanAttributes(attributes, { rules, salt: "0123456789abcdef" }));
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
