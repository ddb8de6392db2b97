// The door to the room that acts: what waits, approvals and denials, the kill switch, the ledger. A GET never decides: chat programs
// and mail scanners fetch every link they see.
import type { Refused } from "../model/ports/act-desk.ts";
import { forbids } from "./access.ts";
import { decisionInput, killInput, rearmInput } from "./ledger-schemas.ts";
import { fromStore, type Refusal, refuse, refuseIssues } from "./problem.ts";
import { noParameters } from "./query.ts";
import { type Answer, type Call, idOf, type Route, sendJson } from "./route.ts";

const json = "application/json";
const status: Answer = { status: 200, says: "As it is now.", contentType: json, schema: { one: "ActStatus" } };

export const actRoutes: readonly Route[] = [
  {
    method: "get",
    path: "/api/v1/act",
    needs: "viewer",
    summary:
      "Repairs that are not over: what holds each, who has approved it and how many have to; and the kill switch.",
    parameters: noParameters,
    answers: [status],
    handle: ({ response, deps }) => sendJson(response, 200, { data: deps.act.status() }),
  },
  decision(
    "approve",
    "Let a repair pass that waits for approval: exactly what the hash stands for, by another than its author.",
  ),
  decision("deny", "End a repair that is not under way. The same repair of the same incident is not proposed again."),
  {
    method: "post",
    path: "/api/v1/act/kill",
    needs: "operator",
    audited: true,
    summary: "Throw the kill switch: nothing is sent while it is on. Taking it back needs the role admin.",
    parameters: noParameters,
    body: "KillInput",
    bodyIs: "one",
    answers: [status],
    async handle({ request, response, deps, principal }) {
      const parsed = killInput.safeParse(request.body);
      if (!parsed.success) throw refuseIssues(parsed.error.issues);
      const { on, says } = parsed.data;
      const refused = on ? undefined : forbids(principal, "admin");
      if (refused !== undefined) {
        await deps.act.turnedAway(principal!.name, "taking back the kill switch needs the role admin");
        throw refused;
      }
      await fromStore(deps.telemetry, "writing the ledger", () => deps.act.kill(on, principal!, says));
      sendJson(response, 200, { data: deps.act.status() });
    },
  },
  {
    method: "post",
    path: "/api/v1/act/rearm",
    needs: "approver",
    audited: true,
    summary: "Let a policy act by itself again on a target where an automatic repair of it did not help.",
    parameters: noParameters,
    body: "RearmInput",
    bodyIs: "one",
    answers: [status],
    async handle({ request, response, deps, principal }) {
      const parsed = rearmInput.safeParse(request.body);
      if (!parsed.success) throw refuseIssues(parsed.error.issues);
      const { says, ...concerns } = parsed.data;
      const rearm = () => deps.act.rearm(concerns, principal!, says);
      const done = await fromStore(deps.telemetry, "writing the ledger", rearm);
      if (done.kind === "refused") throw refusedBy(done);
      sendJson(response, 200, { data: deps.act.status() });
    },
  },
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

function decision(verb: "approve" | "deny", summary: string): Route {
  return {
    method: "post",
    path: `/api/v1/actions/:id/${verb}`,
    needs: "approver",
    audited: true,
    conflicts: true,
    summary,
    parameters: noParameters,
    body: "DecisionInput",
    bodyIs: "one",
    answers: [{ status: 200, says: "It counts.", contentType: json, schema: { one: "Decided" } }],
    handle: (call) => decide(verb, call),
  };
}

async function decide(verb: "approve" | "deny", { request, response, deps, principal }: Call): Promise<void> {
  const id = idOf(request.params["id"]);
  const parsed = decisionInput.safeParse(request.body);
  if (!parsed.success) throw refuseIssues(parsed.error.issues);
  const word = { id, principal: principal!, ...parsed.data };
  const data = await fromStore(deps.telemetry, "writing the ledger", () => deps.act[verb](word));
  if (data.kind === "refused") throw refusedBy(data);
  sendJson(response, 200, { data });
}

const statuses: Readonly<Record<Refused["why"], number>> = {
  forbidden: 403,
  unknown: 404,
  conflict: 409,
};

/** What the room that acts refused, as this API says it. */
export function refusedBy(
  { why, reason }: Pick<Refused, "why" | "reason">,
  look = "/api/v1/act for what waits",
): Refusal {
  return refuse(statuses[why], `Refused: ${reason}. See ${look}.`);
}
