// Every place of a payload that can carry text, with a secret of its own in it, and whether the default policy covers it.
import { nowMs } from "../receive/payloads.ts";
import { map, text } from "./redaction-support.ts";

/** Found on disk or in the store only if something let it through. */
export interface Canary {
  readonly place: string;
  /** What must not be found. */
  readonly secret: string;
}

/** Where text is stored as it came, by design: names and ids, by which things are joined and found. */
export const openPlaces = [
  "span name",
  "scope name",
  "service name",
  "event name",
  "trace state",
  "severity text",
  "metric name",
  "ordinary attribute",
  "ordinary metric label",
  "label of a page",
  "label of a write",
] as const;

export interface Payloads {
  readonly traces: object;
  readonly logs: object;
  readonly metrics: object;
  readonly page: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly covered: readonly Canary[];
  readonly open: readonly Canary[];
}

/** `run` makes the secrets of one sending different from those of another. */
export function plantCanaries(run: string): Payloads {
  const id = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);
  const covered: Canary[] = [];
  const open: Canary[] = [];
  let count = 0;
  const word = (): string => `${run}canary${String(count++).padStart(3, "0")}`;
  /** For places whose text is dropped: any words. */
  const words = (place: string): string => {
    const secret = word();
    covered.push({ place, secret });
    return `my secret wish is ${secret}`;
  };
  /** For places whose text is masked: a secret of the given form, made unique. */
  const formed = (place: string, form: (unique: string) => string): string => {
    const secret = word();
    covered.push({ place, secret });
    return `before ${form(secret)} after`;
  };
  const visible = (place: (typeof openPlaces)[number]): string => {
    const secret = word();
    open.push({ place, secret });
    return secret;
  };

  const key = (unique: string): string => `sk-proj-${unique}abcdefghijkl`;
  const mail = (unique: string): string => `${unique}@example.com`;
  const password = (unique: string): string => `password=${unique}`;
  const bearer = (unique: string): string => `Authorization: Bearer ${unique}0123456789`;
  const userInfo = (unique: string): string => `postgres://admin:${unique}@db:5432/x`;
  const pem = (unique: string): string => `-----BEGIN PRIVATE KEY-----\n${unique}\n-----END PRIVATE KEY-----`;
  const query = (unique: string): string => `https://api/v1?model=x&api_key=${unique}&n=1`;
  const json = (unique: string): string => `{"client_secret": "${unique}"}`;
  const hook = (unique: string): string => `https://hooks.slack.com/services/T00000000/B00000000/${unique}x`;
  const token = (unique: string): string => `hf_${unique}abcdefghijklmnopqrstuvwxyz`;

  const contentAttributes = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.prompt.0.content",
    "gen_ai.completion.0.content",
    "gen_ai.completion.0.finish_reason",
    "llm.input_messages.0.message.content",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
    "input.value",
    "output.value",
    "traceloop.entity.input",
    "langfuse.observation.output",
    "ai.response.text",
    "gen_ai.tool.call.arguments",
    "retrieval.documents.0.document.content",
    "db.query.parameter.0",
    "http.request.header.authorization",
    "http.request.header.cookie",
    "user.email",
  ];
  const span = {
    traceId: id(16, 1),
    spanId: id(8, 2),
    traceState: `v=${visible("trace state")}`,
    name: visible("span name"),
    startTimeUnixNano: `${nowMs}000000`,
    endTimeUnixNano: `${nowMs + 5}000000`,
    attributes: [
      text("plain", visible("ordinary attribute")),
      ...contentAttributes.map((name) => text(name, words(`span attribute ${name}`))),
      text("exception.message", formed("span attribute exception.message", password)),
      text("db.query.text", formed("span attribute db.query.text", mail)),
      text("url.full", formed("span attribute url.full", query)),
      text("http.target", formed("span attribute http.target", query)),
      text("http.request.header.referer", formed("span attribute referer header", mail)),
      { key: "request", value: map([text("gen_ai.prompt", words("map inside an attribute"))]) },
    ],
    events: [
      {
        name: "exception",
        attributes: [
          text("exception.message", formed("event exception.message", userInfo)),
          text("exception.stacktrace", formed("event exception.stacktrace", key)),
        ],
      },
      { name: "gen_ai.user.message", attributes: [text("content", words("event gen_ai.user.message"))] },
      { name: "gen_ai.content.completion", attributes: [text("gen_ai.completion", words("event completion"))] },
      { name: visible("event name") },
    ],
    links: [
      {
        traceId: id(16, 3),
        spanId: id(8, 4),
        attributes: [text("gen_ai.prompt", words("link attribute"))],
      },
    ],
    status: { code: 2, message: formed("status message", bearer) },
  };
  const resource = {
    attributes: [
      text("service.name", visible("service name")),
      text("gen_ai.system_instructions", words("resource attribute")),
      text("process.command_line", formed("resource attribute command line", password)),
    ],
  };
  const scope = { name: visible("scope name"), attributes: [text("gen_ai.prompt", words("scope attribute"))] };
  const at = `${nowMs}000000`;
  const logRecords = [
    { timeUnixNano: at, severityText: visible("severity text"), body: { stringValue: formed("log body", pem) } },
    { timeUnixNano: at, body: { stringValue: formed("log body, JSON", json) } },
    { timeUnixNano: at, body: map([text("line", formed("log body, map", hook))]) },
    {
      timeUnixNano: at,
      eventName: "gen_ai.choice",
      body: map([{ key: "message", value: map([text("content", words("log event gen_ai.choice"))]) }]),
      attributes: [text("exception.stacktrace", formed("log exception.stacktrace", token))],
    },
  ];
  const exemplars = [
    { timeUnixNano: at, asDouble: 1, filteredAttributes: [text("input.value", words("exemplar attribute"))] },
  ];
  const dataPoints = [
    {
      timeUnixNano: at,
      asDouble: 1,
      exemplars,
      attributes: [
        text("gen_ai.prompt", words("metric attribute")),
        text("enduser.id", formed("metric attribute enduser.id", mail)),
        text("pod", visible("ordinary metric label")),
      ],
    },
  ];
  const metrics = [{ name: `m_${visible("metric name")}`, gauge: { dataPoints } }];
  return {
    traces: { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] },
    logs: { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] },
    metrics: { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] },
    page: `scraped{pod="${visible("label of a page")}",gen_ai_prompt="${words("label of a scraped page")}",url_full="${formed("label of a scraped page, url_full", query)}"} 1\n`,
    labels: {
      __name__: "written",
      job: "j",
      instance: "i:1",
      pod: visible("label of a write"),
      input_value: words("label of remote write"),
      exception_message: formed("label of remote write, exception_message", mail),
    },
    covered,
    open,
  };
}
