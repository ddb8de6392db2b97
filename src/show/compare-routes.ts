// The route that compares two sides of what is stored.
import { z } from "zod";
import type { TimeRange } from "../model/time.ts";
import { fromStore, refuse } from "./problem.ts";
import { parseInstant, parseParameters } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

const dayMs = 86_400_000;
const longestMs = 31 * dayMs;
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
const time = (says: string) => z.string().max(128).optional().describe(says);

const parameters = z.strictObject({
  a: side("A", "version=0.10.2"),
  b: side("B", "version=0.11.0"),
  from: time("Start, inclusive: RFC 3339, Unix ms, now, or -1h. Default a day before the end."),
  to: time("End, exclusive. Default now."),
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
      const { a, b, from, to, margin } = parseParameters(parameters, request.url);
      const range = rangeOf(from, to, deps.now());
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

function rangeOf(from: string | undefined, to: string | undefined, now: number): TimeRange {
  const end = to === undefined ? now : parseInstant("to", to, now);
  const begin = from === undefined ? end - dayMs : parseInstant("from", from, now);
  const wrong = (detail: string) => refuse(400, `from ${detail}.`, { errors: [{ parameter: "from", detail }] });
  if (begin >= end) throw wrong("is not before `to`; the range is from inclusive to exclusive");
  if (end - begin > longestMs) throw wrong("is more than 31 days before `to`; ask for less time");
  return { from: begin, to: end };
}
