// The door for what people say: users of answers, engineers of diagnoses; and taking it back.
import type { Feedback } from "../model/feedback.ts";
import type { FeedbackOutcome } from "../model/ports/feedback.ts";
import { forbids } from "./access.ts";
import { feedbackInput } from "./feedback-schemas.ts";
import { fromStore, refuse, refuseIssues } from "./problem.ts";
import { noParameters } from "./query.ts";
import { type Call, idOf, type Route, sendJson } from "./route.ts";

const json = "application/json";

export const feedbackRoutes: readonly Route[] = [
  {
    method: "post",
    path: "/api/v1/feedback",
    needs: "viewer",
    audited: true,
    summary:
      "What a user says of an answer, which becomes series; or, with the role operator or approver, whether a diagnosis was right, which moves the odds of its causes. Who says so is who asks.",
    parameters: noParameters,
    body: "FeedbackInput",
    bodyIs: "one",
    answers: [{ status: 201, says: "It was taken and is durable.", contentType: json, schema: { one: "Feedback" } }],
    async handle(call) {
      sendJson(call.response, 201, { data: await take(call) });
    },
  },
  {
    method: "delete",
    path: "/api/v1/feedback/:id",
    needs: "operator",
    audited: true,
    summary:
      "Take it back: a verdict moves nothing any more; what a rating added to series stays there. It stays listed, with who took it back.",
    parameters: noParameters,
    answers: [{ status: 200, says: "As it is now.", contentType: json, schema: { one: "Feedback" } }],
    async handle({ request, response, deps, principal }) {
      const id = idOf(request.params["id"]);
      const undo = () => deps.feedback.undo(id, principal!.name);
      sendJson(response, 200, { data: done(await fromStore(deps.telemetry, "taking feedback back", undo), 404) });
    },
  },
];

async function take({ request, deps, principal }: Call): Promise<Feedback> {
  const parsed = feedbackInput.safeParse(request.body);
  if (!parsed.success) {
    deps.telemetry.count("homeostat.show.dropped", 1, { reason: "bad-feedback" });
    throw refuseIssues(parsed.error.issues);
  }
  const by = principal!.name;
  if (parsed.data.kind === "rating") {
    const { kind: _, ...rating } = parsed.data;
    return done(await fromStore(deps.telemetry, "storing feedback", () => deps.feedback.rate(rating, by)), 400);
  }
  const refused = forbids(principal, "operator");
  if (refused !== undefined && forbids(principal, "approver") !== undefined) {
    await deps.act.turnedAway(by, `POST /api/v1/feedback: ${refused.detail}`);
    throw refused;
  }
  const { kind: _, ...verdict } = parsed.data;
  return done(await fromStore(deps.telemetry, "storing feedback", () => deps.feedback.judge(verdict, by)), 400);
}

function done<T extends Feedback>(outcome: FeedbackOutcome<T>, status: number): T {
  if (outcome.kind === "done") return outcome.feedback;
  const { parameter, reason } = outcome;
  throw refuse(status, `${parameter}: ${reason}.`, { errors: [{ parameter, detail: reason }] });
}
