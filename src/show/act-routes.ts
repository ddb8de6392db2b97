// The door to the room that acts: its ledger.
import { fromStore } from "./problem.ts";
import { noParameters } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

const json = "application/json";

export const actRoutes: readonly Route[] = [
  {
    method: "get",
    path: "/api/v1/ledger",
    needs: "viewer",
    summary:
      "Whether the ledger of repairs is what was written: every hash is recomputed, every link followed. Its entries are in /api/v1/actions.",
    parameters: noParameters,
    answers: [{ status: 200, says: "The verdict.", contentType: json, schema: { one: "LedgerReport" } }],
    async handle({ response, deps }) {
      const data = await fromStore(deps.telemetry, "reading the ledger", () => deps.act.ledger());
      sendJson(response, 200, { data });
    },
  },
];
