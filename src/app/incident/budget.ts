// How much of the error budget of each objective an incident took.
import type { Labels } from "../../model/labels.ts";
import type { TimeRange } from "../../model/time.ts";
import type { Api } from "../api-client.ts";

export interface Budget {
  readonly slo: string;
  /** Labels of what the objective is about. */
  readonly labels: Labels;
  /** Minutes in which everything would have failed for as many failures. */
  readonly badMinutes: number;
}

const minuteMs = 60_000;

/**
 * By the series that rules made of objectives record, which a service has in memory only: none for incidents of long ago, and
 * none without such rules. A service that does not answer the query gives none either.
 */
export async function budgetsOf(api: Api, { from, to }: TimeRange): Promise<readonly Budget[]> {
  const minutes = Math.max(1, Math.ceil((to - from) / minuteMs));
  const query = `avg_over_time(slo:errors:ratio_rate5m[${minutes}m])`;
  const parameters = new URLSearchParams({ query, time: String(Math.ceil(to / 1000)) });
  const answer = (await api.find(`/api/v1/query?${parameters}`).catch(() => undefined)) as Answer | undefined;
  const samples = answer?.data?.resultType === "vector" ? (answer.data.result ?? []) : [];
  return samples.flatMap(({ metric: { slo, ...labels }, value: [, text] }) => {
    const badMinutes = Number(text) * ((to - from) / minuteMs);
    return slo === undefined || !Number.isFinite(badMinutes) ? [] : [{ slo, labels, badMinutes }];
  });
}

interface Answer {
  readonly data?: {
    readonly resultType?: string;
    readonly result?: readonly { readonly metric: Labels; readonly value: readonly [number, string] }[];
  };
}
