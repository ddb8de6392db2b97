// The room's door to the rest of the house: telemetry in over OTLP, into the journal, acknowledged.

import type { Journal } from "../model/ports/journal.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { defaultTenant } from "../model/tenant.ts";
import { keyOf } from "./body.ts";
import { type Credential, createAuthenticate } from "./credentials.ts";
import { openGrpcDoor } from "./grpc-door.ts";
import { type Door, openHttpDoor, type Patience } from "./http-door.ts";
import { type Intake, openIntake } from "./intake.ts";
import { limits } from "./limits.ts";
import { keyActions, type PrivacyPolicy } from "./privacy/policy.ts";
import { type Scraper, startScraper } from "./prometheus/scraper.ts";
import type { ScrapeJob } from "./prometheus/targets.ts";
import { createWriteDoor } from "./prometheus/write-door.ts";
import type { TenantRates } from "./rates.ts";
import type { ServiceText } from "./text-book.ts";
import type { TlsOptions } from "./tls.ts";

export interface ReceiveOptions {
  /** Address both doors listen on. Anything but loopback should come with credentials. */
  readonly host: string;
  /** 0 takes a free port, -1 keeps the door shut; the same for `grpcPort`. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Event times taken, around the time of arrival; null takes any. */
  readonly window: { readonly pastMs: number; readonly futureMs: number } | null;
  /** Largest body on the wire, default 16 MiB. */
  readonly maxBodyBytes?: number;
  /** Largest body once inflated, default 64 MiB. */
  readonly maxInflatedBytes?: number;
  /** How long a client may take over a request; default 10 s for headers, 30 s in all, looked at every 5 s. */
  readonly patience?: Patience;
  /** Distinct series of one metric taken in a day, default 10,000; points of further ones are rejected. */
  readonly seriesPerMetric?: number;
  /** Distinct attribute keys of one tenant taken in a day, default 2,000; further ones are dropped. */
  readonly attributeKeys?: number;
  /** Which texts are let in; without one, prompts and completions are dropped and log bodies masked. */
  readonly privacy?: PrivacyPolicy;
  /** Prometheus pages to scrape. */
  readonly scrape?: readonly ScrapeJob[];
  /** Absent: plain HTTP and gRPC. */
  readonly tls?: TlsOptions;
  /** How fast tenants may send; absent: as fast as there is room. */
  readonly rates?: TenantRates;
  /** Without any, everybody may send. */
  readonly credentials?: readonly Credential[];
}

export type { PrivacyPolicy } from "./privacy/policy.ts";
/** What is scraped, beside what is sent to us. */
export type { ScrapeJob } from "./prometheus/targets.ts";
export type { ServiceText } from "./text-book.ts";

export interface Receive extends AsyncDisposable {
  /** The ports taken; -1 for a door that is shut. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Targets scraped, with what their last scrape came to. */
  scraped(): ReturnType<Scraper["targets"]>;
  /** By service: how many model calls were seen, and whether any text came with them. Without text, output health is blind. */
  textCoverage(): readonly ServiceText[];
}

const scrapeLimits = { discoveryMs: 30_000, pageBytesMax: 32 * 1024 * 1024, samplesMax: 100_000 };
const noDoor: Door = { port: -1, [Symbol.asyncDispose]: () => Promise.resolve() };

/**
 * Opens the doors. Rejects with PortError if a port cannot be taken, and if the privacy policy cannot be followed. Disposing stops accepting, finishes and
 * acknowledges what is in flight, then ends; the journal must outlive it.
 */
export async function openReceive(
  options: ReceiveOptions,
  deps: { readonly journal: Journal; readonly telemetry: Telemetry; readonly now: () => number },
): Promise<Receive> {
  const { host, httpPort, grpcPort } = options;
  const inflatedBytes = options.maxInflatedBytes ?? limits.inflatedBytes;
  const body = { wireBytes: options.maxBodyBytes ?? limits.wireBytes, inflatedBytes };
  const credentials = options.credentials ?? [];
  const { tls } = options;
  if (credentials.length === 0 && tls?.clientCa === undefined && !isLoopback(host)) {
    const says = "OTLP is open to everybody who can reach it; set receive.credentials or receive.tls.clientCaFile";
    deps.telemetry.log.warn(says, { host });
  }
  const { window, seriesPerMetric = limits.seriesPerMetric, privacy = {}, patience = limits.patience } = options;
  const { attributeKeys = limits.attributeKeys } = options;
  keyActions(privacy);
  const { rates } = options;
  const intake = openIntake(
    { window, seriesPerMetric, attributeKeys, privacy, ...(rates === undefined ? {} : { rates }) },
    deps,
  );
  const doorDeps = { intake, authenticate: createAuthenticate(credentials, tls?.clients), telemetry: deps.telemetry };
  const secure = tls === undefined ? {} : { tls };
  let http = noDoor;
  let grpc = noDoor;
  let scraper: Scraper | undefined;
  const close = async (): Promise<void> => {
    await scraper?.[Symbol.asyncDispose]();
    await Promise.all([http[Symbol.asyncDispose](), grpc[Symbol.asyncDispose]()]);
    await intake[Symbol.asyncDispose]();
  };
  try {
    const others = { "/api/v1/write": createWriteDoor({ body }, { ...doorDeps, now: deps.now }) };
    const httpOptions = { host, port: httpPort, body, patience, ...secure };
    if (httpPort >= 0) http = await openHttpDoor(httpOptions, { ...doorDeps, others });
    if (grpcPort >= 0) grpc = await openGrpcDoor({ host, port: grpcPort, inflatedBytes, ...secure }, doorDeps);
    if (options.scrape !== undefined && options.scrape.length > 0) {
      scraper = await startScraper(
        { ...scrapeLimits, jobs: options.scrape },
        { ...deps, accept: (page) => submitPage(intake, page) },
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    httpPort: http.port,
    grpcPort: grpc.port,
    scraped: () => scraper?.targets() ?? [],
    textCoverage: () => intake.textCoverage(),
    [Symbol.asyncDispose]: close,
  };
}

async function submitPage(intake: Intake, body: Uint8Array): Promise<void> {
  const refusal = intake.refusal(defaultTenant, "metrics");
  // Rates are for those who send to us; what we fetch ourselves is as fast as it was told to be.
  if (refusal?.kind === "busy") throw new Error(refusal.says);
  if (!intake.claim(defaultTenant, body.length)) throw new Error("too much is in flight");
  const { length } = body;
  try {
    const key = await keyOf("scrape", "metrics", "protobuf", body);
    const answer = await intake.submit({ tenant: defaultTenant, signal: "metrics", encoding: "protobuf", body, key });
    if (answer.kind !== "accepted") throw new Error(answer.says);
  } finally {
    intake.release(defaultTenant, length);
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
