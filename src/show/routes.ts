// The list of routes: everything the server answers, in one place.
import { readFileSync } from "node:fs";
import { actRoutes } from "./act-routes.ts";
import { alertingRoutes } from "./alerting-routes.ts";
import { anomalyRoutes } from "./anomaly-routes.ts";
import { changeRoutes } from "./change-routes.ts";
import { takeChanges } from "./changes.ts";
import { compareRoutes } from "./compare-routes.ts";
import type { Check } from "./contract.ts";
import { deliveryRoutes } from "./delivery-routes.ts";
import { entityRoutes } from "./entity-routes.ts";
import { feedbackRoutes } from "./feedback-routes.ts";
import { incidentRoutes } from "./incident-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { openApi } from "./openapi.ts";
import { fromStore, refuse } from "./problem.ts";
import { prometheusRoutes } from "./prometheus/routes.ts";
import { listParameters, noParameters, parseListQuery, parseParameters, streamParameters } from "./query.ts";
import { collections, findRecord, findSignal, listRecords, listSignals, type StoredCollection } from "./records.ts";
import { reportRoute } from "./report-route.ts";
import { resultRoute } from "./result-route.ts";
import { type Answer, type Call, idOf, type Route, sendJson } from "./route.ts";
import { webhookRoutes } from "./webhooks/routes.ts";

const json = "application/json";
const checksMs = 5000;

/** All routes, those of collections made from {@link collections}. */
export const routes: readonly Route[] = [
  asset(
    "/",
    "index.html",
    "text/html; charset=utf-8",
    "The built-in page: open incidents and what is thought of them.",
  ),
  asset("/page.js", "page.js", "text/javascript; charset=utf-8", "Script of the built-in page."),
  asset("/page.css", "page.css", "text/css; charset=utf-8", "Style of the built-in page."),
  {
    method: "get",
    path: "/openapi.json",
    needs: "public",
    summary: "This document.",
    parameters: noParameters,
    answers: [{ status: 200, says: "OpenAPI 3.1.", contentType: json }],
    handle: ({ response, version }) => sendJson(response, 200, openApi(routes, version)),
  },
  {
    method: "get",
    path: "/healthz",
    needs: "public",
    summary: "The process lives.",
    parameters: noParameters,
    answers: [{ status: 200, says: "It does.", contentType: "text/plain" }],
    handle: ({ response }) => void response.set("cache-control", "no-store").type("text/plain").send("ok\n"),
  },
  {
    method: "get",
    path: "/readyz",
    needs: "public",
    summary: "Ready to work: every named check holds. Details are for those who may read the API.",
    parameters: noParameters,
    answers: [
      { status: 200, says: "Ready.", contentType: json, schema: { ref: "Ready" } },
      { status: 503, says: "Not ready; the list says why.", contentType: json, schema: { ref: "Ready" } },
    ],
    handle: ready,
  },
  {
    method: "get",
    path: "/metrics",
    needs: "viewer",
    summary: "Homeostat's own metrics.",
    parameters: noParameters,
    answers: [{ status: 200, says: "Prometheus text format 0.0.4.", contentType: "text/plain" }],
    async handle({ response, deps }) {
      const text = await deps.metrics();
      response
        .set("cache-control", "no-store")
        .set("content-type", "text/plain; version=0.0.4; charset=utf-8")
        .send(text);
    },
  },
  {
    method: "get",
    path: "/api/v1/status",
    needs: "viewer",
    summary: "Version, time, who you are, state of the service.",
    parameters: noParameters,
    answers: [{ status: 200, says: "The status.", contentType: json, schema: { one: "Status" } }],
    handle({ response, deps, stream, version, principal }) {
      const { name, tenant, roles } = principal!;
      const service = deps.status();
      const data = {
        version,
        now: deps.now(),
        principal: { name, tenant, roles },
        followers: stream.clients(),
        service,
      };
      sendJson(response, 200, { data });
    },
  },
  {
    method: "get",
    path: "/api/v1/events",
    needs: "viewer",
    summary: "Server-sent events: what happens, as it happens. Last-Event-ID resumes within the last 500.",
    parameters: streamParameters,
    answers: [{ status: 200, says: "A stream of timeline events.", contentType: "text/event-stream" }],
    handle({ request, response, stream }) {
      const { last } = parseParameters(streamParameters, request.url);
      if (request.method === "HEAD") response.type("text/event-stream").end();
      else stream.connect(response, request.get("last-event-id"), last ?? 0);
    },
  },
  {
    method: "get",
    path: "/api/v1/signals",
    needs: "viewer",
    summary: "Newest value of every canonical signal of every entity.",
    parameters: listParameters,
    answers: [{ status: 200, says: "A page.", contentType: json, schema: { page: "Signal" } }],
    handle({ request, response, deps }) {
      const query = parseListQuery(request.url, deps.now());
      sendJson(response, 200, listSignals(deps.signals(), query, "/api/v1/signals"));
    },
  },
  {
    method: "get",
    path: "/api/v1/coverage",
    needs: "viewer",
    summary: "What arrives from each engine, the canonical signals it becomes, and what is left out or not understood.",
    parameters: noParameters,
    answers: [{ status: 200, says: "One row an engine.", contentType: json, schema: { page: "Coverage" } }],
    handle: ({ response, deps }) => sendJson(response, 200, { data: deps.coverage() }),
  },
  {
    method: "get",
    path: "/api/v1/signals/:id",
    needs: "viewer",
    summary: "One signal by `<entity>/<signal>`, percent-encoded.",
    parameters: noParameters,
    answers: [{ status: 200, says: "The signal.", contentType: json, schema: { one: "Signal" } }],
    handle({ request, response, deps }) {
      const id = idOf(request.params["id"]);
      sendJson(response, 200, findSignal(deps.signals(), id) ?? missing("signals"));
    },
  },
  ...logRoutes,
  ...anomalyRoutes,
  ...feedbackRoutes,
  ...entityRoutes,
  ...compareRoutes,
  ...changeRoutes,
  ...prometheusRoutes,
  // Before the collections, whose `:id` would take what stands behind their path.
  ...alertingRoutes,
  ...webhookRoutes,
  reportRoute,
  ...incidentRoutes,
  ...actRoutes,
  resultRoute,
  ...deliveryRoutes,
  ...(Object.keys(collections) as StoredCollection[]).flatMap(collectionRoutes),
  {
    method: "post",
    path: "/api/v1/changes",
    needs: "operator",
    summary: "Tell of a change: one event or a list of up to 100. Each is judged alone.",
    parameters: noParameters,
    body: "ChangeInput",
    answers: [
      { status: 202, says: "All were taken and are durable.", contentType: json, schema: { ref: "Receipts" } },
      { status: 207, says: "Some were taken; the receipts say which.", contentType: json, schema: { ref: "Receipts" } },
    ],
    async handle({ request, response, deps, principal }) {
      const { changes, telemetry } = deps;
      const context = { changes, telemetry, principal: principal!, now: deps.now() };
      const { status, receipts } = await takeChanges(request.body, context);
      sendJson(response, status, receipts);
    },
  },
];

function collectionRoutes(kind: StoredCollection): Route[] {
  const { schema, says } = collections[kind];
  const path = `/api/v1/${kind}`;
  const page: Answer = { status: 200, says: "A page, newest first.", contentType: json, schema: { page: schema } };
  const one: Answer = {
    status: 200,
    says: "It.",
    contentType: json,
    schema: { one: schema, history: kind === "actions" },
  };
  const list: Route[] = [
    {
      method: "get",
      path,
      needs: "viewer",
      summary: `List ${says}.`,
      parameters: listParameters,
      answers: [page],
      async handle({ request, response, deps }) {
        const query = parseListQuery(request.url, deps.now());
        const found = fromStore(deps.telemetry, `listing ${kind}`, () => listRecords(deps.records, kind, query, path));
        sendJson(response, 200, await found);
      },
    },
  ];
  return [
    // Changes have a list of their own.
    ...(kind === "changes" ? [] : list),
    {
      method: "get",
      path: `${path}/:id`,
      needs: "viewer",
      summary: `One of the ${says}, by its id.`,
      parameters: noParameters,
      answers: [one],
      async handle({ request, response, deps }) {
        const id = idOf(request.params["id"]);
        const found = await fromStore(deps.telemetry, `reading ${kind}`, () => findRecord(deps.records, kind, id));
        sendJson(response, 200, found ?? missing(kind));
      },
    },
  ];
}

/** A file of the built-in page. They hold no data, so anyone who reaches the port may have them. */
function asset(path: string, file: string, contentType: string, summary: string): Route {
  const content = readFileSync(new URL(`./page/${file}`, import.meta.url));
  return {
    method: "get",
    path,
    needs: "public",
    summary,
    parameters: noParameters,
    answers: [{ status: 200, says: "The file.", contentType: contentType.split(";")[0]! }],
    handle: ({ response }) =>
      void response.set("cache-control", "no-cache").set("content-type", contentType).send(content),
  };
}

async function ready({ response, deps, principal }: Call): Promise<void> {
  const checks = await allChecks(deps.checks, deps.telemetry.log.error);
  const ok = checks.every((check) => check.ok);
  const shown = principal === undefined ? checks.map((check) => ({ name: check.name, ok: check.ok })) : checks;
  sendJson(response, ok ? 200 : 503, { ok, checks: shown });
}

/** A check that throws or hangs is itself a failed check: a probe must always get an answer. */
async function allChecks(
  run: () => Promise<readonly Check[]>,
  log: (message: string) => void,
): Promise<readonly Check[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Check[]>((resolve) => {
    const detail = `gave no answer within ${checksMs / 1000} s`;
    timer = setTimeout(() => resolve([{ name: "checks", ok: false, detail }]), checksMs);
  });
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    log(`readiness checks failed: ${error instanceof Error ? error.message : String(error)}`);
    return [{ name: "checks", ok: false, detail: "the checks themselves failed; the log says why" }];
  } finally {
    clearTimeout(timer);
  }
}

function missing(kind: string): never {
  throw refuse(
    404,
    `There is no such record in ${kind}. Take an id from /api/v1/${kind}; it may have been let go by age.`,
  );
}
