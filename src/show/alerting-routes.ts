// Routes of alerting: other systems' alerts in, silences, both also as Alertmanager's clients expect them.
import { z } from "zod";
import { takeApiAlerts, takeWebhook } from "./intake.ts";
import { noParameters, parseParameters } from "./query.ts";
import { type Call, type Route, sendJson } from "./route.ts";
import { addSilence, addSilenceV2, endSilence, findSilence, shownV2 } from "./silencing.ts";

const json = "application/json";
/** amtool filters; what it asks for is filtered on its side as well, so that all may be given. */
const filterParameters = z.strictObject({ filter: z.string().max(1024).optional().describe("Accepted, not applied.") });

export const alertingRoutes: readonly Route[] = [
  {
    method: "post",
    path: "/api/v1/alerts/intake",
    needs: "operator",
    summary: "Alerts of another system as evidence: the webhook payload of Alertmanager, version 4.",
    parameters: noParameters,
    body: "WebhookV4",
    bodyIs: "one",
    answers: [{ status: 200, says: "What became of them.", contentType: json, schema: { ref: "IntakeReceipt" } }],
    handle(call) {
      sendJson(call.response, 200, takeWebhook(call.request.body, intakeDeps(call)));
    },
  },
  {
    method: "post",
    path: "/api/v2/alerts",
    needs: "operator",
    summary: "Alerts as Prometheus pushes them: list Homeostat under `alertmanagers` in its configuration.",
    parameters: noParameters,
    body: "ForeignAlert",
    bodyIs: "list",
    answers: [{ status: 200, says: "Taken.", contentType: json }],
    handle(call) {
      takeApiAlerts(call.request.body, intakeDeps(call), call.deps.alerting.resolveTimeoutMs);
      sendJson(call.response, 200, {});
    },
  },
  {
    method: "get",
    path: "/api/v1/silences",
    needs: "viewer",
    summary: "All silences, ended ones for some days, latest start first.",
    parameters: noParameters,
    answers: [{ status: 200, says: "They.", contentType: json, schema: { ref: "Silences" } }],
    handle: ({ response, deps }) => sendJson(response, 200, { data: deps.alerting.silences.list() }),
  },
  {
    method: "post",
    path: "/api/v1/silences",
    needs: "operator",
    audited: true,
    summary: "Keep alerts that match quiet for a while. Who made it is who asks.",
    parameters: noParameters,
    body: "SilenceInput",
    bodyIs: "one",
    answers: [{ status: 201, says: "The silence.", contentType: json, schema: { one: "Silence" } }],
    async handle({ request, response, deps, principal }) {
      sendJson(response, 201, { data: await addSilence(request.body, { deps, principal: principal! }) });
    },
  },
  {
    method: "get",
    path: "/api/v1/silences/:id",
    needs: "viewer",
    summary: "One silence by its id.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It.", contentType: json, schema: { one: "Silence" } }],
    handle: (call) => sendJson(call.response, 200, { data: findSilence(idOf(call), call.deps) }),
  },
  {
    method: "delete",
    path: "/api/v1/silences/:id",
    needs: "operator",
    audited: true,
    summary: "End a silence now.",
    parameters: noParameters,
    answers: [{ status: 200, says: "As it is now.", contentType: json, schema: { one: "Silence" } }],
    async handle(call) {
      const { response, deps, principal } = call;
      sendJson(response, 200, { data: await endSilence(idOf(call), { deps, principal: principal! }) });
    },
  },
  {
    method: "get",
    path: "/api/v2/silences",
    needs: "viewer",
    summary: "Silences as Alertmanager lists them, for amtool and its like.",
    parameters: filterParameters,
    answers: [{ status: 200, says: "They.", contentType: json, schema: { ref: "SilencesV2" } }],
    handle({ request, response, deps }) {
      parseParameters(filterParameters, request.url);
      const now = deps.now();
      sendJson(
        response,
        200,
        deps.alerting.silences.list().map((one) => shownV2(one, now)),
      );
    },
  },
  {
    method: "post",
    path: "/api/v2/silences",
    needs: "operator",
    audited: true,
    summary: "Make or change a silence as Alertmanager's clients do.",
    parameters: noParameters,
    body: "SilenceV2",
    bodyIs: "one",
    answers: [{ status: 200, says: "Its id.", contentType: json, schema: { ref: "SilenceIdV2" } }],
    async handle({ request, response, deps, principal }) {
      const { id } = await addSilenceV2(request.body, { deps, principal: principal! });
      sendJson(response, 200, { silenceID: id });
    },
  },
  {
    method: "get",
    path: "/api/v2/silence/:id",
    needs: "viewer",
    summary: "One silence as Alertmanager shows it.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It.", contentType: json, schema: { ref: "SilenceV2Shown" } }],
    handle: (call) => sendJson(call.response, 200, shownV2(findSilence(idOf(call), call.deps), call.deps.now())),
  },
  {
    method: "delete",
    path: "/api/v2/silence/:id",
    needs: "operator",
    audited: true,
    summary: "End a silence as Alertmanager's clients do.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It is over.", contentType: json }],
    async handle(call) {
      const { response, deps, principal } = call;
      await endSilence(idOf(call), { deps, principal: principal! });
      sendJson(response, 200, {});
    },
  },
];

function intakeDeps({ deps }: Call) {
  return { intake: deps.alerting.intake, telemetry: deps.telemetry, now: deps.now() };
}

function idOf({ request }: Call): string {
  return String(request.params["id"]);
}
