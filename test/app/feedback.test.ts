// Feedback in a whole service: ratings are series that rules read, verdicts outlast a restart.
import { afterAll, expect, test } from "vitest";
import { postJson } from "../show/kit.ts";
import { diagnosis } from "../show/samples.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
afterAll(() => folder.remove());
const observe = { tick: "* * * * * *", step: "1s", lateness: "0s", idle: "2s" };

test("ratings become series and verdicts outlast a restart", async () => {
  let id: string;
  {
    await using service = await serviceIn(folder.path, { observe });
    const post = (body: unknown) => fetch(`${service.apiUrl}/api/v1/feedback`, postJson(body));
    for (const score of [0, 0, 1]) {
      const answer = await post({ kind: "rating", score, service: "shop", text: "call +41 44 668 18 00" });
      expect(answer.status).toBe(201);
      expect(JSON.stringify(await answer.json())).not.toContain("668");
    }
    const ask = async (query: string): Promise<[string, string][] | false> => {
      const answer = await fetch(`${service.apiUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await answer.json()) as {
        data: { result: { metric: { kind: string }; value: [0, string] }[] };
      };
      return data.result.length > 0 && data.result.map(({ metric, value }) => [metric.kind, value[1]]);
    };
    const total = 'homeostat_feedback_total{service_name="shop"}';
    const counts = await until(async () => {
      const found = await ask(total);
      return found !== false && found.length === 2 && found;
    });
    expect(counts).toHaveLength(2);
    expect(counts).toEqual(
      expect.arrayContaining([
        ["thumbs_down", "2"],
        ["thumbs_up", "1"],
      ]),
    );
    const mean = "sum(homeostat_feedback_score_sum) / sum(homeostat_feedback_score_count)";
    expect(Number((await until(() => ask(mean)))[0]![1])).toBeCloseTo(1 / 3, 6);

    await service.store.records.put("diagnoses", [diagnosis]);
    const said = await post({ kind: "diagnosis", diagnosis: diagnosis.id, verdict: "confirm" });
    id = ((await said.json()) as { data: { id: string } }).data.id;
  }
  await using again = await serviceIn(folder.path, { observe });
  const undone = await fetch(`${again.apiUrl}/api/v1/feedback/${id}`, { method: "DELETE" });
  expect(await undone.json()).toMatchObject({ data: { id, kind: "diagnosis", undone: { by: "local" } } });
  const { data } = (await (await fetch(`${again.apiUrl}/api/v1/feedback`)).json()) as { data: { kind: string }[] };
  expect(data.map(({ kind }) => kind).sort((a, b) => (a < b ? -1 : 1))).toEqual([
    "diagnosis",
    "rating",
    "rating",
    "rating",
  ]);
});
