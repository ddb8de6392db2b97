// The route that compares two sides of what is stored.
import { z } from "zod";
import { fromStore, refuse } from "./problem.ts";
import { parseParameters, rangeQuery, time } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

const textMax = 1024;

const side = (name: string, example: string) =>
  z
    .string()
    .min(1, "is empty; write NAME=VALUE such as version=1.2")
    .max(textMax, "is too long")
    .describe(
      `Side ${name}: NAME=VALUE, several with commas. Names: version, model, node, gpu, deployment, service, replica, image, namespace, tenant, or an attribute.`,
    )
    .meta({ examples: [example] });

const parameters = z.strictObject({
  a: side("A", "version=0.10.2"),
  b: side("B", "version=0.11.0"),
  from: time("Start, inclusive, by default a day before the end:"),
  to: time("End, exclusive, by default now:"),
  margin: z
    .string()
    .regex(/^0?\.\d{1,4}$/, "must be a share between 0.001 and 0.5, such as 0.05")
    .transform(Number)
    .refine((margin) => margin >= 0.001 && margin <= 0.5, "must be a share between 0.001 and 0.5, such as 0.05")
    .optional()
    .describe("Least relative effect that matters; default 0.05."),
});

export const compareRoutes: readonly Route[] = [
  {
    method: "get",
    path: "/api/v1/compare",
    needs: "viewer",
    summary:
      "Compares two sides of what is stored (versions, models, nodes, GPUs, …): per measure and together better, worse, same or undecided, with what else differs.",
    parameters,
    answers: [{ status: 200, says: "The comparison.", contentType: "application/json", schema: { one: "Comparison" } }],
    async handle({ request, response, deps }) {
      const { a, b, margin, ...given } = parseParameters(parameters, request.url);
      const range = rangeQuery(given, deps.now());
      const asked = { a, b, range, ...(margin === undefined ? {} : { margin }) };
      const found = await fromStore(deps.telemetry, "comparing", () => deps.compare(asked));
      if (found === "busy")
        throw refuse(503, "Other comparisons are under way. Ask again.", { headers: { "retry-after": "5" } });
      if ("mistakes" in found) {
        const detail = found.mistakes.map((one) => `${one.parameter} ${one.detail}`).join("; ");
        throw refuse(400, `${detail}.`, { errors: found.mistakes });
      }
      sendJson(response, 200, { data: found });
    },
  },
];
