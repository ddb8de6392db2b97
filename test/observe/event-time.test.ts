// Which steps are judged, when, and what happens to points that come late.
import { describe, expect, test } from "vitest";
import { quality } from "../../src/model/series.ts";
import { listReader, point, rawSeries } from "./raw.ts";
import { framesOf, read, setUp, steps, t0 } from "./set-up.ts";

describe("event time", () => {
  test("points out of order give the same values as points in order", async () => {
    const values = [0, 10, 20, 40, 80, 160];
    const inOrder = setUp({ latenessMs: 5000 });
    const shuffled = setUp({ latenessMs: 5000 });
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const points = steps(tokens, values);
    const expected = await framesOf(inOrder.head, inOrder.reader, [tokens], points, t0 + 30_000);
    const got = await framesOf(
      shuffled.head,
      shuffled.reader,
      [tokens],
      [3, 0, 2, 1, 5, 4].map((i) => points[i]!),
      t0 + 30_000,
    );
    expect(got.map((frame) => read(frame, "generated_tokens"))).toEqual(
      expected.map((frame) => read(frame, "generated_tokens")),
    );
  });

  test("a step is judged once it is complete, and what comes later is kept for queries but not judged again", async () => {
    const { head, reader, counts } = setUp({ latenessMs: 5000 });
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const first = await framesOf(head, reader, [running], steps(running, [1, 2, 3, 4]), t0 + 15_000);
    expect(first.map((frame) => frame.at - t0)).toEqual([0, 5000, 10_000]);
    const second = await framesOf(
      head,
      reader,
      [],
      [point(running, t0 + 7000, 9), point(running, t0 + 20_000, 5)],
      t0 + 20_000,
    );
    expect(second.map((frame) => [frame.at - t0, read(frame, "running").value])).toEqual([[15_000, 4]]);
    expect(counts.get("homeostat.observe.late")).toBe(1);
    const [view] = head.select([{ name: "__name__", op: "=", value: "vllm:num_requests_running" }], {
      from: t0,
      to: t0 + 60_000,
    });
    expect([...view!.values]).toEqual([1, 2, 9, 3, 4, 5]);
    expect(view!.quality![2]).toBe(quality.LATE);
  });

  test("total silence becomes MISSING frames, and the replica leaves after a while", async () => {
    const { head, reader } = setUp({ latenessMs: 5000, leaveAfterMs: 60_000 });
    const running = rawSeries("vllm:num_requests_running", "gauge");
    await framesOf(head, reader, [running], steps(running, [1, 1, 1, 1]), t0 + 15_000);
    expect(await framesOf(head, reader, [], [], t0 + 25_000)).toEqual([]);
    const silent = await framesOf(head, reader, [], [], t0 + 45_000);
    expect(silent.map((frame) => frame.at - t0)).toEqual([15_000, 20_000, 25_000, 30_000, 35_000, 40_000]);
    expect(read(silent.at(-1)!, "running").quality).toBe(quality.MISSING);
    const gone = await framesOf(head, reader, [], [], t0 + 600_000);
    expect(gone.at(-1)?.at).toBe(t0 + 75_000);
  });

  test("a backfill of the past is judged at its own time, page by page, as if it had come live", async () => {
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const points = Array.from({ length: 1440 }, (_, i) => i).flatMap((i) => [
      point(running, t0 + i * 5000, i % 7),
      point(tokens, t0 + i * 5000, i * 100),
    ]);
    const yesterday = t0 + 86_400_000;
    const { head, reader } = setUp({ latenessMs: 5000, pagePoints: 100 }, listReader(100));
    await head.refresh(yesterday);
    const frames = await framesOf(head, reader, [running, tokens], points, yesterday);
    expect(frames.length).toBe(1439);
    expect(frames.every((frame, i) => frame.at === t0 + i * 5000 && read(frame, "running").value === i % 7)).toBe(true);
    expect(frames.slice(4).every((frame) => Math.abs(read(frame, "generated_tokens").value - 20) < 1e-9)).toBe(true);
  });

  test("what logs tell of now does not end the steps of metrics that are still being caught up with", async () => {
    const { head, reader, counts } = setUp({ latenessMs: 5000 }, listReader(20));
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const now = t0 + 300_000;
    const line = { metric: "log_template_records", unit: "", kind: "count", at: now, value: 1 } as const;
    head.put([{ ...line, resource: { "service.name": "chat" }, attributes: {} }], now);
    const values = Array.from({ length: 61 }, (_, i) => i);
    const frames = await framesOf(head, reader, [running], steps(running, values), now);
    expect(frames.map((frame) => read(frame, "running").value)).toEqual(values.slice(0, -1));
    expect(counts.get("homeostat.observe.late")).toBeUndefined();
    // Time goes on with logs alone, as before.
    head.put([{ ...line, at: now + 5000, resource: { "service.name": "chat" }, attributes: {} }], now + 5000);
    expect((await framesOf(head, reader, [], [], now + 5000)).map(({ at }) => at)).toEqual([now]);
  });

  test("a page of many points that a reader would not fill up has none behind it: spans are read before its steps are judged", async () => {
    let asked = 0;
    const spans = {
      spansAfter: () => {
        asked++;
        return Promise.resolve({ groups: [], cursor: "", truncated: false });
      },
    };
    const { head, reader } = setUp({}, listReader(), spans);
    const running = rawSeries("vllm:num_requests_running", "gauge");
    reader.push([running], steps(running, new Array<number>(6000).fill(1), 290));
    expect(await head.refresh(t0 + 6000 * 290)).toEqual({ more: false });
    expect(asked).toBe(1);
  });

  test("a replica whose clock runs ahead does not make everybody else late", async () => {
    const { head, reader, counts } = setUp({ latenessMs: 5000 });
    const fast = rawSeries("vllm:num_requests_running", "gauge", { instance: "fast" });
    const right = rawSeries("vllm:num_requests_running", "gauge", { instance: "right" });
    for (let i = 0; i < 12; i++) {
      const now = t0 + i * 5000;
      const points = [point(fast, now + 120_000, 1), point(right, now, 2), point(right, now + 10_000_000, 2)];
      await framesOf(head, reader, i === 0 ? [fast, right] : [], points, now);
    }
    expect(counts.get("homeostat.observe.late")).toBeUndefined();
    expect(counts.get("homeostat.observe.dropped/in-the-future")).toBe(12);
  });
});
