// Spans counted by the real engine, and facts of their texts counted here: the same however many are read at once.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spanBounds, textCounters } from "../../src/model/ports/span-reader.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createSpanReader } from "../../src/store/read/span-reader.ts";
import { doors, type Place } from "./doors.ts";

const t0 = Date.UTC(2026, 0, 2, 10);

describe.each(doors)("$name", (door) => {
  let place: Place;
  let database: Database;
  beforeAll(async () => {
    place = await door.enter();
    database = await place.bare();
    await migrate(database, silentTelemetry.log);
    const facts = (more: string) =>
      `map('gen_ai.operation.name', 'chat', 'homeostat.text.output.bytes', '9', 'homeostat.text.output.characters', '9'${more})`;
    // Batch 1: durations on a bound, just above it and above the last; batches 2 and 3: texts, in a span's event and a log too.
    await span(1, 0, "map()", "", 400);
    await span(1, 1, "map()", "", 400.001);
    await span(1, 2, "map()", "", 601_000);
    for (let i = 0; i < 5; i++) await span(2, i, facts(", 'homeostat.text.output.blank', 'true'"), "chat", 10);
    await span(3, 0, facts(", 'homeostat.text.length_ratio', '0.5'"), "chat", 10);
    await span(3, 1, facts(", 'homeostat.text.length_ratio', 'inf'"), "chat", 10);
    await span(
      3,
      2,
      "map()",
      "chat",
      10,
      "[map('homeostat.text.input.bytes', '7', 'homeostat.text.input.characters', 'many')]",
    );
    await span(3, 3, "map('homeostat.probe', 'liveness', 'homeostat.text.output.bytes', '9')", "chat", 10);
    await database.command(
      `INSERT INTO ${database.table("otel_logs")} (_batch, _i, Timestamp, ServiceName, LogAttributes)
        VALUES (3, 0, ${at(0)}, 'svc', map('homeostat.text.output.bytes', '3', 'homeostat.text.output.refusal', 'true'))`,
    );
  });
  afterAll(async () => {
    await place?.leave();
  });

  const at = (ms: number): string => `fromUnixTimestamp64Milli(${t0 + ms})`;
  const span = (batch: number, i: number, attributes: string, name: string, ms: number, events?: string) =>
    database.command(
      `INSERT INTO ${database.table("otel_traces")} (_batch, _i, Timestamp, ServiceName, SpanName, SpanKind, Duration, SpanAttributes
          ${events === undefined ? "" : ", `Events.Timestamp`, `Events.Name`, `Events.Attributes`"})
        SELECT ${batch}, ${i}, ${at(0)}, 'svc', '${name}', 'Client', ${Math.round(ms * 1e6)}, ${attributes}
          ${events === undefined ? "" : `, [${at(0)}], ['e'], ${events}`}`,
    );
  const read = async (options: { textsAtOnce?: number; groupsMax?: number } = {}, cursor = "") =>
    await createSpanReader({ database, storedThrough: () => 3n, ...options }).spansAfter(cursor, 0, 3_600_000);
  const numberOf = (counter: keyof typeof textCounters): number => Object.keys(textCounters).indexOf(counter);

  it("put a duration under the first bound that is not below it", async () => {
    const { groups } = await read();
    const none = groups.find(({ operation, count }) => operation === "" && count > 0)!;
    const places = none.buckets.flatMap((count, i) => (count > 0 ? [[spanBounds[i] ?? "above", count]] : []));
    expect(places).toEqual([
      [0.4, 1],
      [0.7, 1],
      ["above", 1],
    ]);
  });

  it("count texts of spans, their events and logs alike whether one row is read at once or all are", async () => {
    const all = await read();
    // Groups that are equally frequent come in any order.
    const sorted = ({ groups }: typeof all) => groups.map((group) => JSON.stringify(group)).toSorted();
    expect(sorted(await read({ textsAtOnce: 1 }))).toEqual(sorted(all));
    expect(sorted(await read({ textsAtOnce: 2 }))).toEqual(sorted(all));
    const of = (genAi: string, count: boolean) =>
      all.groups.find((one) => one.genAi === genAi && one.count > 0 === count)!;
    const chat = of("chat", true);
    expect(chat.count).toBe(7);
    expect(chat.texts[numberOf("outputSeen")]).toBe(7);
    expect(chat.texts[numberOf("outputCharacters")]).toBe(63);
    expect(chat.texts[numberOf("outputEmpty")]).toBe(5);
    // A ratio that is no number is left out.
    expect(chat.lengthRatios).toMatchObject({ count: 1, sum: 0.5 });
    const event = all.groups.find(({ operation, genAi }) => operation === "chat" && genAi === "")!;
    expect([event.texts[numberOf("inputSeen")], event.texts[numberOf("inputCharacters")]]).toEqual([1, 0]);
    const log = of("", false);
    expect([log.texts[numberOf("refusal")], log.texts[numberOf("outputSeen")], log.seconds]).toEqual([1, 1, 0]);
    expect(all.truncated).toBe(false);
  });

  it("tell that there were more groups than they may, and read on from a cursor", async () => {
    const few = await read({ groupsMax: 2 });
    expect([few.groups.length, few.truncated]).toEqual([2, true]);
    expect(await read({ groupsMax: 4 })).toMatchObject({ truncated: false });
    const rest = await read({}, "2");
    expect(rest.groups.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(await read({}, "3")).toEqual({ groups: [], cursor: "3", truncated: false });
  });
});
