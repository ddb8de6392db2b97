// Routes that show what log lines are made of.
import type { LogTemplateRow, Page } from "./contract.ts";
import { type ListQuery, listParameters, parseListQuery } from "./query.ts";
import { type Route, sendJson } from "./route.ts";

const path = "/api/v1/logs/templates";

export const logRoutes: readonly Route[] = [
  {
    method: "get",
    path,
    needs: "viewer",
    summary: "Templates that log lines were found to be made of, those with the newest line first.",
    parameters: listParameters,
    answers: [{ status: 200, says: "A page.", contentType: "application/json", schema: { page: "LogTemplate" } }],
    handle({ request, response, deps }) {
      const query = parseListQuery(request.url, deps.now());
      sendJson(response, 200, listTemplates(deps.logTemplates(), query));
    },
  },
];

/** A template whose newest line comes between two pages moves to the front: it is seen twice or in the first page only. */
function listTemplates(all: readonly LogTemplateRow[], { range, limit, after }: ListQuery): Page<LogTemplateRow> {
  const to = after === undefined ? (range?.to ?? Number.POSITIVE_INFINITY) : after.at + 1;
  const rows = all
    .filter(({ lastAt }) => lastAt >= (range?.from ?? 0) && lastAt < to)
    .map((row) => ({ ...row, lastAt: Math.round(row.lastAt) }))
    .sort((a, b) => b.lastAt - a.lastAt || (a.id < b.id ? -1 : 1));
  const skip = after?.given ?? 0;
  const data = rows.slice(skip, skip + limit);
  if (rows.length <= skip + limit) return { data };
  const at = data.at(-1)!.lastAt;
  const given = rows.slice(0, skip + data.length).filter((row) => row.lastAt === at).length;
  const next = new URLSearchParams({ limit: String(limit), after: `${at}.${given}` });
  if (range !== undefined) next.set("from", String(range.from));
  return { data, next: `${path}?${next}` };
}
