// The door for what became of an action: a receiver says so, and telemetry says whether it helped.

import { oneLine } from "../model/one-line.ts";
import type { Report } from "../model/ports/act-desk.ts";
import { refusedBy } from "./act-routes.ts";
import { jsonOf } from "./body.ts";
import { fromStore, refuse, refuseIssues } from "./problem.ts";
import { noParameters } from "./query.ts";
import { resultInput } from "./result-schemas.ts";
import { type Call, type Route, sendJson } from "./route.ts";

const bodyBytesMax = 256 * 1024;
const saysMax = 500;

export const resultRoute: Route = {
  method: "post",
  path: "/api/v1/actions/results",
  needs: "operator",
  signed: "receiver",
  audited: true,
  conflicts: true,
  summary:
    "A receiver says what became of an action: signed with its key (Standard Webhooks), which is asked for where it has one and stands in for a token. Whether it helped is for telemetry to say.",
  parameters: noParameters,
  body: "ResultInput",
  bodyIs: "one",
  raw: bodyBytesMax,
  answers: [{ status: 200, says: "What it does.", contentType: "application/json", schema: { one: "ResultReceipt" } }],
  handle: take,
};

async function take({ request, response, deps, principal }: Call): Promise<void> {
  const { door, mask } = deps.webhooks;
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const now = deps.now();
  const proof = door.isSigned(request.headers) ? door.judge({ headers: request.headers, body }, now) : undefined;
  if (proof?.kind === "refused") {
    await deps.act.turnedAway("somebody unknown", `POST ${resultRoute.path}: ${proof.why}`);
    throw refuse(proof.status, `The result was not taken: ${proof.why}.`);
  }
  if (proof?.again === true)
    return sendJson(response, 200, { data: { outcome: "known", says: "this message was taken before" } });
  const read = reportIn(jsonOf(body), mask);
  const who = { signedBy: proof?.by ?? [], signers: door.signers, by: principal?.name };
  const answer = await fromStore(deps.telemetry, "writing the ledger", () => deps.act.report({ ...read, ...who }));
  if (answer.kind === "refused") throw refusedBy(answer);
  if (proof !== undefined) door.remember(proof, now);
  deps.telemetry.count("homeostat.show.results", 1, { outcome: answer.kind });
  sendJson(response, 200, { data: { outcome: answer.kind, says: answer.says } });
}

function reportIn(json: unknown, mask: (text: string) => string): Pick<Report, "key" | "outcome" | "says" | "undo"> {
  if (json === undefined) throw refuse(400, "The body is no JSON in UTF-8.");
  const isMessage = typeof json === "object" && json !== null && "data" in json;
  const [plain, message] = resultInput.options;
  const parsed = (isMessage ? message : plain).safeParse(json);
  if (!parsed.success) throw refuseIssues(parsed.error.issues);
  const told =
    "data" in parsed.data ? { ...parsed.data.data, undo: parsed.data.data.type === "action.undo" } : parsed.data;
  const { idempotencyKey: key, outcome, says, undo } = told;
  // What was refused was not done.
  const heard = outcome === "refused" ? "failed" : outcome;
  return { key, outcome: heard, says: oneLine(mask(says.slice(0, 10 * saysMax)), saysMax), undo };
}
