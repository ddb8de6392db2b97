// What belongs to one incident beside its record.
import { fromStore, refuse } from "./problem.ts";
import { noParameters } from "./query.ts";
import { findRecord } from "./records.ts";
import { idOf, type Route, sendJson } from "./route.ts";

export const incidentRoutes: readonly Route[] = [
  {
    method: "get",
    path: "/api/v1/incidents/:id/attributes",
    needs: "viewer",
    summary:
      "Which requests carry the change of an incident: of which tenant, model, version, replica and so on those are that fail or are slow since its onset.",
    parameters: noParameters,
    answers: [
      {
        status: 200,
        says: "What was found when it was last looked at.",
        contentType: "application/json",
        schema: { one: "AttributeReport" },
      },
    ],
    async handle({ request, response, deps }) {
      const id = idOf(request.params["id"]);
      const found = await fromStore(deps.telemetry, "reading incidents", () =>
        findRecord(deps.records, "incidents", id),
      );
      if (found === undefined) throw refuse(404, "There is no incident with this id. Take one from /api/v1/incidents.");
      const { attributes } = found.data;
      if (attributes === undefined)
        throw refuse(
          404,
          "Nothing is known of its requests (yet): they are looked into a step after it opens, and only if spans of requests arrive.",
        );
      sendJson(response, 200, { data: attributes });
    },
  },
];
