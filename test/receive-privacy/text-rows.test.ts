// Facts beside the text that was dropped: from every way instrumentations send prompts and answers, onto the same row.
import { describe, expect, it, test } from "vitest";
import { openReceive } from "../../src/receive/receive.ts";
import { countingTelemetry, createMemoryJournal } from "../receive/memory-journal.ts";
import { otlpJson } from "../receive/otlp-proto.ts";
import { nowMs, spanRequest } from "../receive/payloads.ts";
import { attributesOf, contains, decode, logRequest, map, spanAttributes, text } from "./redaction-support.ts";

const question = "Please sum up what happened to the engine in the night.";
const answer = "The engine lost its peers in the night and was slow until it was started again.";
const bytes = (side: "input" | "output", of: string): object => ({
  [`homeostat.text.${side}.bytes`]: String(of.length),
});
const reason = (value: string): object => ({ "homeostat.text.finish_reason": value });
const list = (...values: object[]): object => ({ arrayValue: { values } });

const messages = (role: string, content: string, more: object = {}): string =>
  JSON.stringify([{ role, parts: [{ type: "text", content }], ...more }]);

describe("on a span", () => {
  const cases: readonly (readonly [string, object[], object])[] = [
    [
      "OpenTelemetry's messages",
      [
        text("gen_ai.input.messages", messages("user", question)),
        text("gen_ai.output.messages", messages("assistant", answer, { finish_reason: "length" })),
      ],
      { ...bytes("input", question), ...bytes("output", answer), ...reason("length") },
    ],
    [
      "the same as structured values",
      [
        {
          key: "gen_ai.output.messages",
          value: list(map([text("role", "assistant"), { key: "parts", value: list(map([text("content", answer)])) }])),
        },
        { key: "gen_ai.response.finish_reasons", value: list({ stringValue: "stop" }, { stringValue: "tool_calls" }) },
      ],
      { ...bytes("output", answer), ...reason("tool_calls") },
    ],
    [
      "the old attributes",
      [text("gen_ai.prompt", question), text("gen_ai.completion", answer)],
      { ...bytes("input", question), ...bytes("output", answer) },
    ],
    [
      "OpenLLMetry's numbered ones",
      [
        text("gen_ai.prompt.0.role", "user"),
        text("gen_ai.prompt.0.content", question),
        text("gen_ai.completion.0.content", answer),
        text("gen_ai.completion.0.finish_reason", "max_tokens"),
      ],
      { ...bytes("input", question), ...bytes("output", answer), ...reason("length") },
    ],
    [
      "OpenInference's, whose value says the same again",
      [
        text("output.value", JSON.stringify({ choices: [{ message: { role: "assistant", content: answer } }] })),
        text("llm.input_messages.0.message.content", question),
        text("llm.output_messages.0.message.content", answer),
        text("input.value", question),
      ],
      { ...bytes("input", question), ...bytes("output", answer) },
    ],
    [
      "Traceloop's entities",
      [
        text("traceloop.entity.input", JSON.stringify({ inputs: { question } })),
        text("traceloop.entity.output", answer),
      ],
      { ...bytes("input", question), ...bytes("output", answer) },
    ],
    ["Langfuse's", [text("langfuse.observation.output", answer)], bytes("output", answer)],
  ];
  it.each(cases)("%s", (_name, attributes, expected) => {
    const row = spanAttributes(attributes);
    expect(row).toMatchObject(expected);
    expect(JSON.stringify(row)).not.toContain("engine");
  });

  it("cannot be told by the sender: keys of facts are ours alone, wherever they stand", () => {
    const forged = [text("homeostat.text.output.bytes", "1"), text("homeostat.text.made.up", "1"), text("b", "1")];
    const attributes = [...forged, text("gen_ai.completion", answer), text("homeostat.text.finish_reason", "stop")];
    const body = spanRequest("x", { attributes, events: [{ name: "e", attributes: forged }] });
    const { answer: told, rows } = decode("traces", body);
    const row = attributesOf(rows[0], "SpanAttributes");
    expect(row).toMatchObject({ b: "1", ...bytes("output", answer) });
    expect(row).not.toHaveProperty("homeostat.text.made.up");
    expect(row).not.toHaveProperty("homeostat.text.finish_reason");
    expect(rows[0]!["Events.Attributes"]).toEqual([[["b", "1"]]]);
    expect(told.tally.repaired.get("reserved-key")).toBe(5);
    expect(told.says).toContain("only Homeostat writes them");
    const [log] = decode("logs", logRequest({ body: { stringValue: "b" }, attributes: forged })).rows;
    expect(attributesOf(log, "LogAttributes")).toEqual({ b: "1" });
  });

  it("says all it knows of an answer, and nothing that says nothing", () => {
    const facts = spanAttributes([text("gen_ai.prompt", question), text("gen_ai.completion", answer)]);
    const output = Object.entries(facts).filter(([key]) => /^homeostat\.text\.(output\.\w+|\w+)$/.test(key));
    expect(Object.fromEntries(output)).toEqual({
      "homeostat.text.output.bytes": "79",
      "homeostat.text.output.characters": "79",
      "homeostat.text.output.words": "16",
      "homeostat.text.output.loop_share": "0",
      "homeostat.text.output.distinct_ratio": "1",
      "homeostat.text.output.script": "latin",
      "homeostat.text.output.language": "en",
      "homeostat.text.output.language_confidence": expect.stringMatching(/^0\.\d/) as string,
      "homeostat.text.copy_ratio": "0",
      "homeostat.text.length_ratio": "1.436",
    });
    const bad = spanAttributes([text("gen_ai.completion", `I'm sorry, but I can't.\n\`\`\`\n( ${"\ufffd".repeat(9)}`)]);
    expect(bad).toMatchObject({
      "homeostat.text.output.refusal": "true",
      "homeostat.text.output.code": "open-fence",
      "homeostat.text.output.garbled_share": expect.stringMatching(/^0\.2/) as string,
    });
    expect(spanAttributes([text("gen_ai.completion", '{"a": [1')])["homeostat.text.output.json"]).toBe("invalid");
    // An answer in JSON is judged as one, not taken apart.
    expect(spanAttributes([text("gen_ai.completion", '{"a": "b"}')])).toMatchObject({
      "homeostat.text.output.json": "valid",
      "homeostat.text.output.bytes": "10",
    });
    expect(spanAttributes([text("gen_ai.completion", "")])["homeostat.text.output.blank"]).toBe("true");
  });

  it("sees what was copied from the input, also from one event to the next, and not from the span before", () => {
    const events = [
      { name: "gen_ai.content.prompt", attributes: [text("gen_ai.prompt", `${question} ${answer}`)] },
      { name: "gen_ai.choice", attributes: [text("content", answer), text("finish_reason", "stop")] },
    ];
    const [row] = decode("traces", spanRequest("x", { events })).rows;
    const [, choice] = (row!["Events.Attributes"] as [string, string][][]).map((each) => Object.fromEntries(each));
    expect(choice).toMatchObject({ "homeostat.text.copy_ratio": "1", finish_reason: "stop", ...reason("stop") });
    const alone = spanRequest("y", { attributes: [text("gen_ai.completion", answer)] });
    const both = decode("traces", Uint8Array.from([...spanRequest("x", { events }), ...alone])).rows;
    expect(attributesOf(both[1], "SpanAttributes")).not.toHaveProperty("homeostat.text.copy_ratio");
  });

  it("reads facts of text that is kept, too, and a finish reason is no way round the policy", () => {
    const attributes = [text("gen_ai.completion", answer), text("gen_ai.completion.0.finish_reason", "canary")];
    expect(spanAttributes(attributes, { content: "keep" })).toMatchObject({
      "gen_ai.completion": answer,
      ...bytes("output", answer),
    });
    const { rows, batches } = decode("traces", spanRequest("x", { attributes }));
    expect(attributesOf(rows[0], "SpanAttributes")).toMatchObject(reason("other"));
    expect(contains(batches, "canary")).toBe(false);
  });
});

describe("on a log record", () => {
  it("facts of a choice's message and of an event's own keys stand in its attributes", () => {
    const message = map([text("role", "assistant"), text("content", answer)]);
    const body = map([text("finish_reason", "stop"), { key: "message", value: message }]);
    const [row] = decode("logs", logRequest({ eventName: "gen_ai.choice", body })).rows;
    expect(attributesOf(row, "LogAttributes")).toMatchObject({ ...bytes("output", answer), ...reason("stop") });
    const attributes = [
      text("event.name", "gen_ai.client.inference.operation.details"),
      text("gen_ai.input.messages", messages("user", `${question} ${answer}`)),
      text("gen_ai.output.messages", messages("assistant", answer)),
    ];
    const [details] = decode("logs", logRequest({ attributes })).rows;
    expect(attributesOf(details, "LogAttributes")).toMatchObject({ "homeostat.text.copy_ratio": "1" });
  });

  it("an ordinary record has none", () => {
    const [row] = decode("logs", logRequest({ body: { stringValue: answer }, attributes: [text("a", "b")] })).rows;
    expect(attributesOf(row, "LogAttributes")).toEqual({ a: "b" });
  });
});

test("services whose model calls never bring text are named, in numbers and in words", async () => {
  const counts = countingTelemetry();
  const deps = { journal: createMemoryJournal(), telemetry: counts.telemetry, now: () => nowMs };
  await using receive = await openReceive({ host: "127.0.0.1", httpPort: 0, grpcPort: -1, window: null }, deps);
  const span = (...attributes: object[]): object => ({
    traceId: new Uint8Array(16).fill(1),
    spanId: new Uint8Array(8).fill(2),
    startTimeUnixNano: `${nowMs}000000`,
    attributes,
  });
  const of = (name: string, ...spans: object[]): object => ({
    resource: { attributes: [text("service.name", name)] },
    scopeSpans: [{ spans }],
  });
  const usage = { key: "gen_ai.usage.output_tokens", value: { intValue: "7" } };
  const resourceSpans = [
    of("blind", span(usage), span(usage), span(text("http.route", "/"))),
    of("seeing", span(usage, text("gen_ai.completion", answer)), span(usage)),
    of("web", span(text("http.route", "/"))),
  ];
  const headers = { "content-type": "application/json" };
  const body = otlpJson("traces", { resourceSpans });
  await fetch(`http://127.0.0.1:${receive.httpPort}/v1/traces`, { method: "POST", headers, body });
  expect(receive.textCoverage()).toMatchObject([
    { service: "blind", withText: 0, withoutText: 2, says: expect.stringContaining("no text") as string },
    { service: "seeing", withText: 1, withoutText: 1, says: expect.stringContaining("1 of 2") as string },
  ]);
  const total = (service: string, seen: string): number =>
    counts.total("homeostat.receive.text_coverage", { service, signal: "traces", text: seen });
  expect([total("blind", "none"), total("blind", "seen"), total("seeing", "seen")]).toEqual([2, 0, 1]);
});
