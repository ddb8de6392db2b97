// The door for reports of static analysis: what they say of a file stands beside what changed in it.
import { jsonOf } from "./body.ts";
import { fromStore, refuse } from "./problem.ts";
import { noParameters } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

const bodyBytesMax = 8 * 1_048_576;

export const reportRoute: Route = {
  method: "post",
  path: "/api/v1/code/sarif",
  needs: "operator",
  summary: "A SARIF 2.1.0 log of static analysis. It takes the place of the same tool's last one.",
  parameters: noParameters,
  raw: bodyBytesMax,
  answers: [{ status: 202, says: "Kept.", contentType: "application/json", schema: { ref: "ReportReceipt" } }],
  async handle({ request, response, deps }) {
    const report = jsonOf(request.body);
    if (report === undefined) throw refuse(400, "The body is no JSON in UTF-8. Send a SARIF 2.1.0 log.");
    const outcome = await fromStore(deps.telemetry, "keeping a report", () => deps.reports.take(report));
    if (outcome.kind === "wrong") {
      deps.telemetry.count("homeostat.show.dropped", 1, { reason: "bad-report" });
      const { place: parameter, reason: detail } = outcome;
      throw refuse(400, `The body is no SARIF log: ${parameter}: ${detail}.`, { errors: [{ parameter, detail }] });
    }
    const { tool, findings, left } = outcome;
    sendJson(response, 202, { tool, findings, left });
  },
};
