// The checks of a repair hold while all is well, wherever the mode may have been.
import { expect, test } from "vitest";
import { modes } from "../fleet.ts";
import { failingChecks } from "./judge.ts";
import { counter, deployment, endOf, type Situation, seriesOf } from "./situation.ts";

const places: Readonly<Record<string, string>> = {
  replica: "replica:chat-1",
  deployment,
  node: "node:n1",
  gpu: "gpu:GPU-1a",
  container: "container:ns/chat-1/engine",
  service: "service:gateway",
};
const calls = (labels: Record<string, string>) =>
  counter("traces_span_metrics_calls_total", { entity: places["service"]!, ...labels }, 10, 10);
const well: Situation = {
  // As Ray Serve tells them.
  signals: { [places["service"]!]: { "app:replicas_healthy": 3, "app:replicas_target": 3 } },
  raw: [
    calls({ gen_ai_operation_name: "chat", gen_ai_request_model: "m" }),
    calls({ gen_ai_operation_name: "guardrail" }),
    counter("homeostat_retrieval_results_total", { entity: places["service"]!, empty: "false" }, 2, 2),
  ],
};
const ours = modes.filter(({ code }) => /^FM-(2[2-8]|3\d|4[5-9]|5[1-5])$/.test(code));

test("twenty-seven modes are looked at", () => {
  expect(ours).toHaveLength(27);
});

test.each(ours)("$id", async (mode) => {
  const source = seriesOf(well);
  for (const kind of mode.at) {
    expect(await failingChecks(mode, places[kind]!, source, endOf(well)), kind).toEqual([]);
  }
});
