// What of log bodies gets into the batches, and that the policy holds from the door to the counters.
import { describe, expect, it } from "vitest";
import { limits } from "../../src/receive/limits.ts";
import { openReceive, type PrivacyPolicy } from "../../src/receive/receive.ts";
import { countingTelemetry, createMemoryJournal } from "../receive/memory-journal.ts";
import { nowMs } from "../receive/payloads.ts";
import {
  attributesOf,
  contains,
  type Decoded,
  decode,
  logRequest,
  map,
  prompt,
  secret,
  text,
} from "./redaction-support.ts";

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
