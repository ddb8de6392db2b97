// Every incident there is in the store, page by page.
import type { Incident } from "../model/incident.ts";
import type { Records } from "../model/ports/records.ts";

/** What one question answers with at most. */
const pageMax = 1000;

/** Newest onset first. Rejects if more incidents than one answer holds began in the same millisecond. */
export async function allIncidents(records: Pick<Records, "list">): Promise<readonly Incident[]> {
  const found = new Map<string, Incident>();
  for (let to: number | undefined; ; ) {
    const range = to === undefined ? {} : { range: { from: 0, to } };
    const page = await records.list("incidents", { ...range, limit: pageMax });
    for (const incident of page) found.set(incident.id, incident);
    const last = page.at(-1);
    if (last === undefined || page.length < pageMax) return [...found.values()];
    // The end is left out, and the last of the page may have others beside it: they are read once more.
    const next = last.onset + 1;
    if (next === to) throw new Error(`more than ${pageMax} incidents began at ${last.onset}: they cannot all be read`);
    to = next;
  }
}
