// Prometheus's HTTP API over a real service: two days of OTLP, asked for as Grafana asks.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
let service: Awaited<ReturnType<typeof serviceIn>>;
const minute = 60_000;
const now = Math.floor(Date.now() / minute) * minute;
const minutes = 2 * 24 * 60;
const begin = now - minutes * minute;

type Answer = {
  status: string;
  data: {
    resultType: string;
    result: { metric: Record<string, string>; value: [number, string]; values: [number, string][] }[];
  };
  error?: string;
  errorType?: string;
};

async function ask(path: string, parameters: Record<string, string> | string[][] = {}, post = false): Promise<Answer> {
  const form = new URLSearchParams(parameters as Record<string, string>);
  const answer = post
    ? await fetch(`${service.apiUrl}${path}`, { method: "POST", body: form })
    : await fetch(`${service.apiUrl}${path}?${form}`);
  return (await answer.json()) as Answer;
}

const instant = (query: string, at = now): Promise<Answer> =>
  ask("/prometheus/api/v1/query", { query, time: String(at / 1000) });
const single = async (query: string, at = now): Promise<number> =>
  Number((await instant(query, at)).data.result[0]?.value[1]);

const nanos = (at: number): string => `${at}000000`;
const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
const resource = { attributes: [attribute("service.name", "chat"), attribute("service.instance.id", "vllm-0")] };

/** Each minute: a counter gains 60, a delta counter 30, a gauge goes 0..99, a histogram gains 10 of 0.05 s and 10 of 0.15 s. */
async function send(from: number, to: number): Promise<void> {
  const ticks = Array.from({ length: to - from }, (_, i) => from + i);
  const point = (i: number, more: object) => ({
    startTimeUnixNano: nanos(begin),
    timeUnixNano: nanos(begin + i * minute),
    attributes: [attribute("model_name", "m")],
    ...more,
  });
  const metrics = [
    {
      name: "vllm:generation_tokens_total",
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: ticks.map((i) => point(i, { asDouble: i * 60 })),
      },
    },
    {
      name: "app.requests",
      sum: {
        aggregationTemporality: 1,
        isMonotonic: true,
        dataPoints: ticks.map((i) => ({
          ...point(i, { asDouble: 30 }),
          startTimeUnixNano: nanos(begin + (i - 1) * minute),
        })),
      },
    },
    { name: "queue.length", gauge: { dataPoints: ticks.map((i) => point(i, { asDouble: i % 100 })) } },
    {
      name: "vllm:time_to_first_token_seconds",
      unit: "s",
      histogram: {
        aggregationTemporality: 2,
        dataPoints: ticks.map((i) =>
          point(i, { count: i * 20, sum: i * 2, explicitBounds: [0.1, 0.2], bucketCounts: [i * 10, i * 10, 0] }),
        ),
      },
    },
  ];
  const body = { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] };
  const answer = await fetch(`${service.otlpUrl}/v1/metrics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({});
}

beforeAll(async () => {
  service = await serviceIn(folder.path);
  for (let from = 1; from <= minutes; from += 500) await send(from, Math.min(minutes + 1, from + 500));
  await service.store.flushed();
  await until(async () => (await instant("queue_length")).data.result.length === 1);
}, 120_000);
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

describe("history", () => {
  test("rates and increases reach back over days, of cumulative and of delta counters", async () => {
    expect(await single("rate(vllm:generation_tokens_total[1d])")).toBeCloseTo(1, 9);
    expect(await single("increase(app_requests[1d])")).toBeCloseTo(30 * 24 * 60, 0);
    expect(await single("increase(vllm:generation_tokens_total[1h])", now - 86_400_000)).toBeCloseTo(3600, 6);
  });

  test("quantiles come from stored buckets", async () => {
    const query =
      'histogram_quantile(0.75, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{job="chat"}[6h])))';
    expect(await single(query)).toBeCloseTo(0.15, 9);
  });

  test("canonical signals exist for any time", async () => {
    const query = 'llm:generated_tokens:rate{entity="replica:vllm-0"}';
    expect(await single(query, now - 86_400_000)).toBeCloseTo(1, 6);
  });

  test("the Head and history say the same about the same time", async () => {
    for (const query of ["queue_length", "rate(app_requests[5m])", "vllm:time_to_first_token_seconds_bucket"]) {
      const range = (start: number) =>
        ask("/prometheus/api/v1/query_range", {
          query,
          start: String(start / 1000),
          end: String(now / 1000),
          step: "60",
        });
      const recent = (await range(now - 10 * minute)).data.result;
      const long = (await range(now - 600 * minute)).data.result;
      expect(long.map((one) => one.metric)).toEqual(recent.map((one) => one.metric));
      for (const [i, one] of recent.entries()) {
        expect(one.values.length).toBe(11);
        expect(long[i]!.values.slice(-11)).toEqual(one.values);
        expect(long[i]!.values.length).toBe(601);
      }
    }
  });

  test("asked again later, it reads on from where it was", async () => {
    const before = await single("count_over_time(queue_length[12h])");
    await send(minutes + 1, minutes + 4);
    await service.store.flushed();
    expect(await single("count_over_time(queue_length[12h])", now + 3 * minute)).toBe(before);
    expect(await single("max_over_time(timestamp(queue_length)[12h:1m])", now + 3 * minute)).toBe(
      (now + 3 * minute) / 1000,
    );
  });

  test("minutes stand for their points where a range is too long, and say the same of counters", async () => {
    await service.store.rollUp(begin + 3 * 3_600_000);
    const rows = await service.store.rows<{ n: string }>("SELECT count() AS n FROM homeostat.metrics_1m");
    expect(Number(rows[0]!.n)).toBeGreaterThan(700);
    const range = { from: begin, to: begin + 6 * 3_600_000 };
    const series = await service.store.history.series(["app.requests", "vllm:generation_tokens_total"], range, 10);
    const totals = async (thin: number) => {
      const last = new Map<string, number>();
      let deltas = 0;
      for await (const page of service.store.history.points(series, range, thin)) {
        for (const { hash, value } of page) {
          if (series.find((one) => one.hash === hash)!.cumulative) last.set(hash, Math.max(last.get(hash) ?? 0, value));
          else deltas += value;
        }
      }
      return { cumulative: [...last.values()], deltas };
    };
    expect(await totals(minute)).toEqual(await totals(0));
    expect(await service.store.history.countPoints(series, range)).toBeGreaterThanOrEqual(2 * 359);
  });
});

describe("the API as Grafana uses it", () => {
  test("a form by POST and a query by GET give the same, at both addresses", async () => {
    const parameters = { query: "queue_length", time: String(now / 1000) };
    const answers = await Promise.all([
      ask("/prometheus/api/v1/query", parameters),
      ask("/prometheus/api/v1/query", parameters, true),
      ask("/api/v1/query", parameters, true),
    ]);
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toEqual(answers[2]);
    expect(answers[0]!.data.result[0]!.metric).toMatchObject({
      __name__: "queue_length",
      instance: "vllm-0",
      job: "chat",
    });
  });

  test("labels, their values and series of now and of long ago", async () => {
    const old = { start: String((now - 40 * 3_600_000) / 1000), end: String((now - 39 * 3_600_000) / 1000) };
    for (const when of [{}, old]) {
      const names = await ask("/prometheus/api/v1/label/__name__/values", when);
      expect(names.data).toEqual(
        expect.arrayContaining(["queue_length", "app_requests", "vllm:time_to_first_token_seconds_bucket"]),
      );
      const labels = await ask("/prometheus/api/v1/labels", { ...when, "match[]": "queue_length" });
      expect(labels.data).toEqual(expect.arrayContaining(["__name__", "entity", "instance", "job", "model_name"]));
      const series = await ask("/prometheus/api/v1/series", { ...when, "match[]": '{job="chat",le="0.1"}' });
      expect(series.data).toHaveLength(1);
    }
  });

  test("metadata, rules, alerts and buildinfo have Prometheus's shapes", async () => {
    const metadata = (await ask("/prometheus/api/v1/metadata")).data as unknown as Record<string, { type: string }[]>;
    expect(metadata["vllm:time_to_first_token_seconds"]).toEqual([{ type: "histogram", help: "", unit: "s" }]);
    const { groups } = (await ask("/prometheus/api/v1/rules")).data as unknown as {
      groups: { rules: { type: string; state: string }[] }[];
    };
    expect(groups.length).toBeGreaterThan(0);
    expect(groups[0]!.rules[0]).toMatchObject({
      type: "alerting",
      health: "ok",
      state: expect.stringMatching(/^(inactive|pending|firing)$/),
    });
    expect((await ask("/prometheus/api/v1/alerts")).data).toHaveProperty("alerts");
    expect((await ask("/prometheus/api/v1/status/buildinfo")).data).toMatchObject({
      version: "3.0.0",
      application: "Homeostat",
    });
  });

  test("a query is tidied, names are unescaped, and what is cut off is said", async () => {
    expect((await ask("/prometheus/api/v1/format_query", { query: " up > 1 " }, true)).data).toBe("up > 1");
    const names = await ask("/prometheus/api/v1/label/U__model__name/values");
    expect(names.data).toEqual(["m"]);
    const cut = await ask("/prometheus/api/v1/labels", { limit: "2" });
    expect(cut).toMatchObject({ data: ["__name__", expect.any(String)], warnings: [expect.stringContaining("limit")] });
    expect(await ask("/prometheus/api/v1/label/__name__/values", { limit: "10000" })).not.toHaveProperty("warnings");
  });

  test("what is wrong with a request is said in Prometheus's words", async () => {
    const wrong: readonly [string, Record<string, string>, string, RegExp][] = [
      ["query", { query: "sum(" }, "bad_data", /1:\d+/],
      ["query", { query: "up", time: "yesterday" }, "bad_data", /time/],
      ["query_range", { query: "up", start: "10", end: "5", step: "1" }, "bad_data", /end/],
      ["query_range", { query: "up", start: "0", end: "500000", step: "1" }, "bad_data", /maxSteps/],
      ["format_query", { query: "rate(" }, "bad_data", /1:\d+/],
      ["label/U___zz/values", {}, "bad_data", /label name/],
      ["series", {}, "bad_data", /match/],
      ["series", { "match[]": "sum(up)" }, "bad_data", /selector/],
      ["label/a-b/values", {}, "bad_data", /label name/],
    ];
    for (const [path, parameters, type, says] of wrong) {
      const answer = await ask(`/prometheus/api/v1/${path}`, parameters);
      expect(answer).toMatchObject({ status: "error", errorType: type, error: expect.stringMatching(says) });
    }
  });
});
