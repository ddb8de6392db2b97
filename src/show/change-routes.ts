// Change events as a list, and with it what changed: also what telemetry itself shows, and what nobody would have told.
import { z } from "zod";
import type { WhatChanged } from "../model/what-changed.ts";
import type { ChangesPage } from "./contract.ts";
import { fromStore } from "./problem.ts";
import { type ListQuery, listParameters, listQueryOf, parseParameters, rangeMaxMs } from "./query.ts";
import { listRecords } from "./records.ts";
import { type Call, type Route, sendJson } from "./route.ts";

const path = "/api/v1/changes";

const parameters = listParameters.extend({
  entity: z
    .string()
    .max(256, "is too long")
    .regex(
      /^[a-z]+:\P{Cc}+$/u,
      "is not an entity; write <kind>:<name> such as deployment:chat, as /api/v1/entities has it",
    )
    .optional()
    .describe(
      "Only of this entity, what belongs to it, what it belongs to, and the nodes they are on. A page may then hold fewer.",
    ),
});

export const changeRoutes: readonly Route[] = [
  {
    method: "get",
    path,
    needs: "viewer",
    summary:
      "List change events. With `from` and `to` (at most 31 days apart) also what is known: changes that telemetry itself shows of image, flags, model, LoRA, prompt template and driver, and who would have told of each and was last heard when.",
    parameters,
    answers: [
      {
        status: 200,
        says: "A page, newest first.",
        contentType: "application/json",
        schema: { ref: "ChangesPage" },
      },
    ],
    async handle(call) {
      const { entity, ...given } = parseParameters(parameters, call.request.url);
      const query = listQueryOf(given, call.deps.now());
      sendJson(
        call.response,
        200,
        await fromStore(call.deps.telemetry, "listing changes", () => list(call, query, entity)),
      );
    },
  },
];

async function list({ deps }: Call, query: ListQuery, entity: string | undefined): Promise<ChangesPage> {
  const page = await listRecords(deps.records, "changes", query, path);
  const related = entity === undefined ? undefined : deps.relatedTo(entity);
  const data = related === undefined ? page.data : page.data.filter(({ target }) => related.has(target));
  const next =
    page.next === undefined || entity === undefined ? page.next : `${page.next}&entity=${encodeURIComponent(entity)}`;
  const known = await knownOf(deps, query, entity);
  return { data, ...(next === undefined ? {} : { next }), ...(known === undefined ? {} : { known }) };
}

/** Of longer stretches only events are listed: facts of telemetry would be too many. */
async function knownOf(
  deps: Call["deps"],
  { range, after, bounded }: ListQuery,
  entity: string | undefined,
): Promise<WhatChanged | undefined> {
  if (range === undefined || !bounded || after !== undefined || range.to - range.from > rangeMaxMs) return undefined;
  return await deps.whatChanged(range, entity);
}
