// What people say of anomalies.
import { refuse } from "./problem.ts";
import { noParameters } from "./query.ts";
import { idOf, type Route, sendJson } from "./route.ts";

export const anomalyRoutes: readonly Route[] = [
  {
    method: "post",
    path: "/api/v1/anomalies/:id/accept",
    needs: "operator",
    audited: true,
    summary:
      "What the series does is normal from now on: its anomaly ends and detection goes on from there. Who says so is who asks.",
    parameters: noParameters,
    answers: [
      {
        status: 200,
        says: "The anomaly as it is now: ended, or, if it is about an entity as a whole, until that is learned.",
        contentType: "application/json",
        schema: { one: "Anomaly" },
      },
    ],
    async handle({ request, response, deps, principal }) {
      const found = await deps.accept(idOf(request.params["id"]), principal!.name);
      if (found === undefined)
        throw refuse(404, "No open anomaly has this id. Take one without endedAt from /api/v1/anomalies.");
      sendJson(response, 200, { data: found });
    },
  },
];
