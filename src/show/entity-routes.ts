// Routes that show what telemetry is about.
import { noParameters } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

export const entityRoutes: readonly Route[] = [
  {
    method: "get",
    path: "/api/v1/entities",
    needs: "viewer",
    summary:
      "What telemetry is about: replicas, deployments, nodes, GPUs, with what they belong to and where they are.",
    parameters: noParameters,
    answers: [{ status: 200, says: "All of them.", contentType: "application/json", schema: { page: "Entity" } }],
    handle: ({ response, deps }) => sendJson(response, 200, { data: deps.entities() }),
  },
];
