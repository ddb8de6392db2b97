// Routes of other systems' webhooks of changes, one a sender.

import { noParameters } from "../query.ts";
import { type Route, sendJson } from "../route.ts";
import { argocd } from "./argocd.ts";
import { flux } from "./flux.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { mlflow } from "./mlflow.ts";
import type { Sender } from "./sender.ts";
import { takeDelivery } from "./take.ts";

const senders: readonly Sender[] = [github, gitlab, argocd, flux, mlflow];
const json = "application/json";
/** Senders cannot be told to send less: a push of many commits is longer than what people post. */
const bodyBytesMax = 1_048_576;

export const webhookRoutes: readonly Route[] = senders.map((sender) => ({
  method: "post",
  path: `/api/v1/changes/${sender.name}`,
  needs: "operator",
  signed: sender.name,
  summary: `Webhook for ${sender.name}: ${sender.says}. With changes.${sender.name}.secret its proof is needed, else the role operator.`,
  parameters: noParameters,
  raw: bodyBytesMax,
  answers: [
    { status: 202, says: "Taken and durable.", contentType: json, schema: { ref: "ChangeReceipt" } },
    {
      status: 200,
      says: "Acknowledged: known already, or nothing that changes anything here.",
      contentType: json,
      schema: { ref: "ChangeReceipt" },
    },
  ],
  async handle({ request, response, deps }) {
    const { changes, records, entities, telemetry, webhooks } = deps;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const context = { changes, records, entities, telemetry, now: deps.now() };
    const receipt = await takeDelivery(sender, { headers: request.headers, body }, webhooks, context);
    sendJson(response, receipt.outcome === "taken" ? 202 : 200, receipt);
  },
}));
