// The part of the configuration that says who is told of what, and how.
import { z } from "zod";
import { formatNames } from "../deliver/feeds/formats/formats.ts";
import { parseMatchers } from "../deliver/feeds/matchers.ts";
import { compileRouting, defaultRoute, InhibitRule, RouteConfig } from "../deliver/feeds/routing.ts";
import { TimeInterval } from "../deliver/feeds/time-intervals.ts";
import { isSecret } from "../deliver/sign.ts";
import { parseDuration } from "../model/time.ts";

const duration = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine((text) => (parseDuration(text) ?? 0) > 0, "is not a duration above zero; write it like 30s, 5m or 1h30m")
    .transform((text) => parseDuration(text)!)
    .describe(`Duration such as 30s or 5m (default ${fallback}).`);
const url = z.url({ protocol: /^https?$/, error: "is not an http(s) URL" });

const pagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
const slackUrl = "https://slack.com/api/chat.postMessage";

const secrets = z
  .union([z.string(), z.array(z.string()).min(1).max(4)])
  .transform((one) => (typeof one === "string" ? [one] : one))
  .refine(
    (all) => all.every(isSecret),
    "must be whsec_ and 16 to 64 random bytes in base64: echo whsec_$(openssl rand -base64 32)",
  );

const Receiver = z
  .strictObject({
    name: z.string().min(1),
    format: z.enum(formatNames).default("homeostat").describe("How messages look; homeostat = Standard Webhooks."),
    url: url.optional().describe("Where messages go. Default for pagerduty and slack-api: their public address."),
    secret: secrets
      .optional()
      .describe(
        "Standard Webhooks secret, or a list while one is exchanged for the next; needed for the format homeostat, and signs any other that has one.",
      ),
    resultSecret: secrets
      .optional()
      .describe("What the receiver signs results with (POST /api/v1/actions/results). Default: secret."),
    authorization: z.string().min(1).optional().describe("Value of the Authorization header."),
    routingKey: z.string().min(1).optional().describe("PagerDuty: integration key of Events API v2."),
    token: z.string().min(1).optional().describe("slack-api: bot token with chat:write."),
    channel: z.string().min(1).optional().describe("slack-api: id of the channel."),
    classes: z
      .array(z.enum(["page", "ticket"]))
      .optional()
      .describe("Alerts it takes. Default: page for pagerduty, none for homeostat, both for the rest."),
    sendResolved: z.boolean().default(true),
    events: z
      .array(z.enum(["incident", "diagnosed", "recovered", "resolved", "self"]))
      .default([])
      .describe("Formats homeostat and cloudevents: single events this receiver is told of, beside alerts."),
  })
  .superRefine((receiver, context) => {
    const { format } = receiver;
    const need = (path: string, is: boolean, says: string): void => {
      if (!is) context.addIssue({ code: "custom", path: [path], message: says });
    };
    need(
      "secret",
      format !== "homeostat" || receiver.secret !== undefined,
      "is missing; make one: echo whsec_$(openssl rand -base64 32)",
    );
    need(
      "routingKey",
      (format === "pagerduty") === (receiver.routingKey !== undefined),
      "is for pagerduty, which needs it",
    );
    need("token", (format === "slack-api") === (receiver.token !== undefined), "is for slack-api, which needs it");
    need("channel", (format === "slack-api") === (receiver.channel !== undefined), "is for slack-api, which needs it");
    need("url", receiver.url !== undefined || ["pagerduty", "slack-api"].includes(format), "is missing");
    const takesEvents = format === "homeostat" || format === "cloudevents";
    need("events", takesEvents || receiver.events.length === 0, "are for the formats homeostat and cloudevents");
  })
  .transform(({ url, classes, ...receiver }) => ({
    ...receiver,
    url: url ?? (receiver.format === "pagerduty" ? pagerDutyUrl : slackUrl),
    classes: classes ?? classesDefault(receiver.format),
  }));

export type ReceiverConfig = z.output<typeof Receiver>;

export const Deliver = z
  .strictObject({
    receivers: z.array(Receiver).default([]),
    allow: z.array(z.string()).default([]).describe("Private or loopback addresses (CIDR) that webhooks may go to."),
    externalUrl: url.default("http://localhost:7070").describe("Where people reach this Homeostat; links go there."),
    instance: z
      .string()
      .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits or . _ -")
      .default("homeostat")
      .describe("Label `homeostat` of outgoing alerts; alerts that come in with it are our own and are ignored."),
    page: z.array(z.string()).default([]).describe("Matchers of alerts that page although they are about no SLO."),
    route: RouteConfig.optional().describe(
      "As in alertmanager.yml. Default: every receiver gets the classes it takes.",
    ),
    inhibit_rules: z.array(InhibitRule).default([]).describe("As in alertmanager.yml."),
    time_intervals: z.array(TimeInterval).default([]).describe("As in alertmanager.yml."),
    resend: duration("1m").describe("Format alertmanager: how often a firing alert is sent again."),
    resolveTimeout: duration("5m").describe(
      "A foreign alert without an end is over when nobody repeats it for so long.",
    ),
    watchdog: z
      .strictObject({
        url: url.optional().describe("Dead-man's switch that is called while Homeostat looks at telemetry."),
        method: z.enum(["GET", "POST"]).default("POST"),
        interval: duration("1m"),
        stuckAfter: duration("2m").describe("A look that takes longer, or fails for so long, stops the heartbeat."),
        alert: z.boolean().default(false).describe("Also keep the alert HomeostatWatchdog firing."),
      })
      .prefault({}),
  })
  .superRefine((deliver, context) => {
    const names = deliver.receivers.map(({ name }) => name);
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) === index) continue;
      context.addIssue({ code: "custom", path: ["receivers", index, "name"], message: `is taken: ${name}` });
    }
    // Receivers with a mistake have no classes yet, so routes to them cannot be judged.
    if (context.issues.length === 0) check(context, "route", () => routingOf(deliver));
    check(context, "page", () => deliver.page.map(parseMatchers));
  });

export type DeliverConfig = z.output<typeof Deliver>;

/** Undefined where no receiver takes alerts in groups. Throws on a tree that makes no sense. */
export function routingOf(deliver: Pick<DeliverConfig, "receivers" | "route" | "inhibit_rules" | "time_intervals">) {
  const grouped = deliver.receivers.filter(({ format, classes }) => format !== "alertmanager" && classes.length > 0);
  const { inhibit_rules: inhibitRules, time_intervals: timeIntervals } = deliver;
  const route = deliver.route ?? defaultRoute(grouped);
  if (grouped.length === 0 && deliver.route === undefined) return undefined;
  return compileRouting(
    { route, inhibitRules, timeIntervals },
    grouped.map(({ name }) => name),
  );
}

function classesDefault(format: ReceiverFormat): readonly ("page" | "ticket")[] {
  if (format === "homeostat") return [];
  return format === "pagerduty" ? ["page"] : ["page", "ticket"];
}
type ReceiverFormat = (typeof formatNames)[number];

function check(context: z.core.$RefinementCtx, path: string, run: () => unknown): void {
  try {
    run();
  } catch (error) {
    context.addIssue({ code: "custom", path: [path], message: error instanceof Error ? error.message : String(error) });
  }
}
