// The one configuration schema: types, checks, defaults, help texts and JSON Schema from one declaration.
import { z } from "zod";
import { defaultTenant, tenantPattern } from "../model/tenant.ts";
import { Acting, beyondQuorum } from "./config-act.ts";
import { Changes, Code } from "./config-changes.ts";
import { Deliver } from "./config-deliver.ts";
import { duration } from "./config-duration.ts";
import { Prevent } from "./config-prevent.ts";
import { Probes } from "./config-probes.ts";

const port = (fallback: number, what: string) =>
  z
    .int()
    .min(-1)
    .max(65535)
    .default(fallback)
    .describe(`${what} 0 picks a free port and prints it, -1 switches it off.`);
/** Left out, a signal has its default: to keep it for ever has to be said. */
const days = z
  .union([z.number().positive(), z.literal("forever")], { error: "is neither a number above 0 nor forever" })
  .describe("Days to keep, or forever.");
const tenant = z
  .string()
  .regex(tenantPattern, "must be a lower-case letter and up to 31 letters, digits or _")
  .describe("Whose telemetry it is; each tenant has a database of its own, <store.database>_<tenant>.");
const secret = z.string().min(8, "is shorter than 8 characters; use a longer secret");

const rate = {
  requestsPerSecond: z.number().positive().optional().describe("Requests a second; beyond it clients are told 429."),
  mibPerSecond: z.number().positive().optional().describe("MiB of bodies a second, once inflated; beyond it 429."),
};

const Credential = z
  .strictObject({
    kind: z.enum(["bearer", "basic"]),
    secret: secret.optional().describe("The token, or user:password."),
    secretFile: z.string().min(1).optional().describe("File that holds the secret instead."),
    tenant: tenant.default(defaultTenant),
  })
  .refine(({ secret, secretFile }) => (secret === undefined) !== (secretFile === undefined), {
    path: ["secret"],
    error: "needs either secret or secretFile",
  });

const Tls = z
  .strictObject({
    certFile: z.string().min(1).describe("PEM file: certificate of the doors, with what leads to its root."),
    keyFile: z.string().min(1).describe("PEM file: its private key."),
    clientCaFile: z.string().min(1).optional().describe("PEM file: only clients with a certificate of these get in."),
    clients: z
      .array(
        z
          .strictObject({
            subject: z.string().min(1).optional().describe("Common name of the certificate's subject."),
            fingerprint256: z
              .string()
              .regex(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, "must be 32 bytes in hexadecimal")
              .optional(),
            tenant,
          })
          .refine(({ subject, fingerprint256 }) => subject !== undefined || fingerprint256 !== undefined, {
            error: "needs a subject or a fingerprint256",
          }),
      )
      .default([])
      .describe("Tenants by client certificate; others of the authority then need a credential."),
  })
  .refine(({ clients, clientCaFile }) => clients.length === 0 || clientCaFile !== undefined, {
    path: ["clientCaFile"],
    error: "is missing, but clients names certificates; without it none is asked for",
  });

const ScrapeJob = z.strictObject({
  job: z.string().min(1).describe("Becomes service.name."),
  interval: duration("15s"),
  timeout: duration("10s"),
  scheme: z.enum(["http", "https"]).default("http"),
  path: z.string().startsWith("/", "must start with /").default("/metrics"),
  targets: z
    .array(z.string().regex(/^[^/\s]+$/, "is not host:port; scheme and path are settings of the job"))
    .default([])
    .describe("host:port of each page."),
  files: z.array(z.string()).default([]).describe("Files in Prometheus's file_sd format."),
  endpoints: z.array(z.url()).default([]).describe("Endpoints in Prometheus's http_sd format."),
  labels: z.record(z.string(), z.string()).default({}).describe("Resource attributes added to every page of the job."),
  authorization: z.string().optional().describe("Value of the Authorization header."),
});

const action = z.enum(["keep", "drop", "mask", "hash"]);
const Privacy = z
  .strictObject({
    content: z
      .enum(["drop", "mask", "keep"])
      .default("drop")
      .describe("Prompts and completions in spans, events and logs. drop leaves their length in bytes."),
    logBodies: z
      .enum(["mask", "keep", "drop"])
      .default("mask")
      .describe("Bodies of log records. mask replaces e-mail and IP addresses, card and phone numbers, access keys …"),
    rules: z
      .array(z.strictObject({ key: z.string().min(1), action }))
      .default([])
      .describe("By attribute key, or prefix ending in *; first match wins, before the defaults."),
    salt: z
      .string()
      .min(16, "is shorter than 16 characters; use a longer salt")
      .optional()
      .describe("Keys the hashes."),
  })
  .refine(({ rules, salt }) => salt !== undefined || rules.every((rule) => rule.action !== "hash"), {
    path: ["salt"],
    error: "is missing, but a rule says hash; hashes without a salt can be guessed back",
  });

export const Config = z
  .strictObject({
    dataDirectory: z
      .string()
      .default("data")
      .describe("Where the embedded store and the log of received telemetry live."),
    store: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/, error: "is not an http(s) URL such as http://127.0.0.1:8123" })
          .optional()
          .describe("A ClickHouse server. Unset: the embedded ClickHouse engine."),
        username: z.string().optional(),
        password: z.string().optional(),
        cluster: z
          .string()
          .regex(/^\w+$/)
          .optional()
          .describe("Cluster name: tables become Replicated and Distributed."),
        database: z
          .string()
          .regex(/^[A-Za-z_]\w*$/, "must be an identifier")
          .default("homeostat"),
        backlogLimitMib: z
          .int()
          .min(1)
          .default(2048)
          .describe("Received, not yet stored: beyond it intake answers 503."),
        diskFloorMib: z.int().min(0).default(256).describe("Free disk below which intake answers 503."),
        budgetMib: z
          .strictObject({
            traces: z.number().positive().optional(),
            logs: z.number().positive().optional(),
            metrics: z.number().positive().optional(),
          })
          .prefault({})
          .describe("Disk each signal of each tenant may take; beyond it its oldest days are dropped, never today."),
        engineMemoryMib: z.int().min(256).default(1200),
        retentionDays: z
          .strictObject({
            traces: days.default(7),
            logs: days.default(7),
            metrics: days.default(15),
            rollups: days.default(180),
            own: days.default(400),
          })
          .prefault({}),
      })
      .prefault({}),
    receive: z
      .strictObject({
        host: z.string().default("127.0.0.1"),
        httpPort: port(4318, "OTLP/HTTP."),
        grpcPort: port(4317, "OTLP/gRPC."),
        past: duration("7d").describe("Telemetry older than this is rejected."),
        future: duration("1h").describe("Telemetry further in the future than this is rejected."),
        seriesPerMetric: z
          .int()
          .min(1)
          .default(10_000)
          .describe("Distinct series of one metric of a tenant in a day; points of further ones are rejected."),
        attributeKeys: z
          .int()
          .min(1)
          .default(2000)
          .describe("Distinct attribute keys of one tenant in a day; further ones are dropped from what carries them."),
        anyTime: z.boolean().default(false).describe("Accept any timestamp (replay, tests)."),
        tenantDefaults: z.strictObject(rate).prefault({}).describe("For each tenant that tenants does not name."),
        tenants: z
          .array(z.strictObject({ name: tenant, ...rate }))
          .default([])
          .describe("How fast each tenant may send."),
        credentials: z.array(Credential).default([]),
        tls: Tls.optional().describe("TLS on both doors. Unset: plain HTTP and gRPC."),
      })
      .prefault({}),
    privacy: Privacy.prefault({}).describe("What of texts is stored; applied before anything is written."),
    scrape: z.array(ScrapeJob).default([]).describe("Prometheus pages to scrape: engines, DCGM, node exporters."),
    sources: z
      .array(
        z
          .strictObject({
            prometheus: z
              .url({ protocol: /^https?$/, error: "is not an http(s) URL" })
              .optional()
              .describe("Address of a Prometheus."),
            authorization: z.string().optional().describe("Value of the Authorization header, of a Prometheus."),
            requestsPerSecond: z.number().positive().default(5).describe("Of a Prometheus."),
            clickhouse: z
              .url({ protocol: /^https?$/, error: "is not an http(s) URL" })
              .optional()
              .describe("Address of a ClickHouse with the tables of OpenTelemetry's exporter (otel_*)."),
            database: z.string().min(1).default("otel").describe("Of a ClickHouse."),
            username: z.string().optional().describe("Of a ClickHouse; one that may only read is best."),
            password: z.string().min(1).optional().describe("Of a ClickHouse."),
            queriesPerMinute: z.int().positive().default(120).describe("Of a ClickHouse; those beyond wait."),
          })
          .refine(
            ({ prometheus, clickhouse }) => (prometheus === undefined) !== (clickhouse === undefined),
            "give exactly one of prometheus and clickhouse",
          ),
      )
      .default([])
      .describe("Where there is telemetry already: read, never written, by queries that reach back beyond the Head."),
    show: z
      .strictObject({
        host: z.string().default("127.0.0.1"),
        port: port(7070, "API, console, /metrics."),
        tokens: z
          .array(
            z.strictObject({
              name: z.string().min(1),
              secret,
              roles: z.array(z.enum(["viewer", "operator", "approver", "admin"])).min(1),
            }),
          )
          .default([]),
      })
      .prefault({}),
    observe: z
      .strictObject({
        tick: z
          .string()
          .default("*/5 * * * * *")
          .describe("Cron, seconds first: how often new telemetry is looked at."),
        step: duration("15s").describe("Event time between two looks at every signal."),
        rateWindow: duration("1m"),
        lateness: duration("5s").describe("How long a step waits for late points."),
        idle: duration("15s").describe("Silence after which missing telemetry counts as missing."),
        window: duration("30m").describe("How much the Head keeps in memory."),
        maxSeries: z.int().min(100).default(200_000),
      })
      .prefault({}),
    detect: z
      .strictObject({
        falseEpisodesPerWeek: z.number().positive().default(1).describe("Budget of false alarms of the whole fleet."),
        learned: z.boolean().default(true).describe("Use the trained model in models/."),
      })
      .prefault({}),
    rules: z
      .strictObject({
        files: z.array(z.string()).default([]).describe("Prometheus rule files of your own, or folders of them."),
        packs: z
          .array(z.string())
          .default(["all"])
          .describe("Packs of rules/packs to load; `all` is every one but `slo`."),
      })
      .prefault({}),
    diagnose: z
      .strictObject({
        odds: z
          .string()
          .optional()
          .describe(
            "File of odds fitted by `homeostat fit`, laid over the catalogue where it says what they were fitted from.",
          ),
      })
      .prefault({}),
    changes: Changes.prefault({}).describe("Webhooks by which other systems tell of changes."),
    code: Code.prefault({}).describe("Repositories and reports that a diagnosis looks at for what a change brought."),
    deliver: Deliver.prefault({}),
    probes: Probes.prefault({}).describe("Test cases asked of served models. Off while no target is named."),
    act: Acting.prefault({}).describe("What may be repaired without asking, or after asking."),
    prevent: Prevent.prefault({}).describe("What will run out is told before it does."),
    telemetry: z
      .strictObject({
        level: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
        otlpEndpoint: z.url().optional().describe("Where Homeostat sends its own traces and metrics; may be itself."),
      })
      .prefault({}),
  })
  .superRefine(({ act, show }, context) => {
    // Without tokens there is one person: whoever is on this machine.
    const people = show.tokens.filter(({ roles }) => roles.some((role) => role === "approver" || role === "admin"));
    const approvers = show.tokens.length === 0 ? 1 : new Set(people.map(({ name }) => name)).size;
    for (const { path, says } of beyondQuorum(act, approvers))
      context.addIssue({ code: "custom", path: ["act", ...path], message: says });
  });

export type Config = z.infer<typeof Config>;
export type ConfigInput = z.input<typeof Config>;

/** The schema as JSON Schema, for editors. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(Config, { io: "input", unrepresentable: "any" });
}
