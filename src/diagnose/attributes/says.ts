// What carries a trouble of requests, as a sentence.
import type {
  AttributeReport,
  AttributeValue,
  Carrier,
  RequestAttribute,
  RequestTrouble,
  TroubleByAttribute,
} from "../../model/request-attributes.ts";
import type { Instant } from "../../model/time.ts";
import { formatValue } from "../words.ts";

const names: Readonly<Record<RequestAttribute, string>> = {
  tenant: "tenant",
  model: "model",
  version: "version",
  adapter: "adapter",
  route: "route",
  prompt_length: "prompts of",
  user: "user",
  caller: "caller",
  node: "node",
  gpu: "GPU",
  replica: "replica",
  streaming: "streaming",
  finish_reason: "finish reason",
};

/** All that was found, a sentence each; empty where requests show nothing. */
export function sentencesOf({ troubles }: AttributeReport): readonly string[] {
  return troubles.flatMap((one) => [
    ...one.carriers.map(({ says }) => says),
    ...(one.even.length === 0 ? [] : [evenSays(one, one.even)]),
  ]);
}

type Which = Pick<TroubleByAttribute, "trouble"> & { readonly from?: number };

/** `93 % of the slow requests (over 2.1 s) since 12:03 UTC are of tenant acme (11 % before)` */
export function saysOf(
  which: Which,
  values: readonly AttributeValue[],
  alike: readonly AttributeValue[],
  { share, shareBefore }: Pick<Carrier, "share" | "shareBefore">,
  onset: Instant,
): string {
  const what = values.map(valueText).join(" and ");
  const same = alike.length === 0 ? "" : `, which are all those of ${alike.map(valueText).join(", ")} too`;
  return `${percent(share)} of ${requestsOf(which)} since ${clock(onset)} are of ${what} (${percent(shareBefore)} before)${same}`;
}

/** `the slow requests (over 2.1 s)` */
function requestsOf({ trouble, from }: Which): string {
  const over = from === undefined ? "" : ` (over ${formatValue(from)} ${trouble === "long_answer" ? "tokens" : "s"})`;
  const texts: Readonly<Record<RequestTrouble, string>> = {
    failed: "the failed requests",
    slow_first_token: `the requests with a late first token${over}`,
    slow: `the slow requests${over}`,
    long_answer: `the requests with long answers${over}`,
    traffic: "all requests",
  };
  return texts[trouble];
}

/** `the slow requests are spread evenly over model, version and replica` */
function evenSays(which: Which, even: readonly RequestAttribute[]): string {
  const list = even.map((one) => (one === "prompt_length" ? "prompt length" : names[one]));
  const last = list.at(-1) ?? "";
  return `${requestsOf(which)} are spread evenly over ${list.length < 2 ? last : `${list.slice(0, -1).join(", ")} and ${last}`}`;
}

function valueText({ attribute, value }: AttributeValue): string {
  return `${names[attribute]} ${value}`;
}

function percent(share: number): string {
  const points = share * 100;
  return `${points > 0 && points < 1 ? "<1" : points > 99 && points < 100 ? ">99" : Math.round(points)} %`;
}

function clock(at: Instant): string {
  return `${new Date(at).toISOString().slice(11, 16)} UTC`;
}
