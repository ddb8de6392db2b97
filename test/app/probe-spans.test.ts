// Spans of probes stay out of what baselines, rules and prices are made of.
import { expect, test } from "vitest";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

test("a span marked as a probe's is stored, and counted in no series", async () => {
  const folder = temporaryFolder();
  {
    await using service = await serviceIn(folder.path);
    const at = BigInt(Date.now() - 60_000) * 1_000_000n;
    const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
    const span = (i: number, ...attributes: object[]) => ({
      traceId: String(i).padStart(32, "0"),
      spanId: String(i).padStart(16, "0"),
      ...{ name: "chat", kind: 3, startTimeUnixNano: String(at), endTimeUnixNano: String(at + 1_000_000_000n) },
      attributes: [attribute("gen_ai.operation.name", "chat"), ...attributes],
    });
    const spans = [
      span(1),
      span(2, attribute("homeostat.probe", "golden")),
      span(3),
      span(4, attribute("homeostat.probe", "")),
    ];
    const resource = { attributes: [attribute("service.name", "chat")] };
    const sent = await fetch(`${service.otlpUrl}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }),
    });
    expect(sent.status).toBe(200);
    const { groups } = await until(async () => {
      const page = await service.store.spans.spansAfter("", 0, 15_000);
      return page.groups.length > 0 && page;
    });
    expect(groups.map(({ count }) => count)).toEqual([3]);
  }
  folder.remove();
});
