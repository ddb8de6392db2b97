// How much of everything a request may bring.
import type { PrivacyPolicy } from "./privacy/policy.ts";

export interface ItemLimits {
  /** Event times outside are rejected item by item; null takes any time. */
  readonly window: { readonly pastMs: number; readonly futureMs: number } | null;
}

/** What decoding is told when it starts; plain data, for the decoding thread. */
export interface DecodeOptions extends ItemLimits {
  /** Distinct series of one metric taken in a day, default {@link limits.seriesPerMetric}. */
  readonly seriesPerMetric?: number;
  /** Distinct attribute keys taken in a day, default {@link limits.attributeKeys}. */
  readonly attributeKeys?: number;
  /** Without one, content is dropped and log bodies are masked. */
  readonly privacy?: PrivacyPolicy;
}

export const limits = {
  /** Spans, log records or data points in one request. */
  items: 100_000,
  /** Events, links, exemplars, buckets and quantiles in one request. */
  parts: 1_000_000,
  /** Column bytes one request may become: resource attributes are repeated in every row. */
  producedBytes: 256 * 1024 * 1024,
  attributes: 128,
  keyBytes: 256,
  /** Attribute values; longer ones are cut. Prompts live there. */
  valueBytes: 64 * 1024,
  /** Log bodies; longer ones are cut. */
  bodyBytes: 256 * 1024,
  /** Names, versions, units, messages; longer ones are cut. */
  nameBytes: 16 * 1024,
  /** Levels of arrays and maps in an attribute value; what lies deeper becomes null. */
  valueDepth: 64,
  /** Objects and arrays inside each other in a JSON body: every level of a value takes three. */
  jsonDepth: 320,
  /** Partitions are days, and one insert may not touch more than 100. */
  days: 100,
  /** Rows and bytes after which a batch is closed and another begun. */
  batchRows: 100_000,
  batchBytes: 32 * 1024 * 1024,
  /** Series remembered as already described, in each of two generations. */
  rememberedSeries: 131_072,
  /** Distinct attribute keys of a tenant in a day; further ones are not stored. */
  attributeKeys: 2000,
  /** Distinct series of one metric in a day; points of further ones are rejected. */
  seriesPerMetric: 10_000,
  /** Series and metrics counted for that, over all metrics and days; the metric begun first is forgotten first. */
  countedSeries: 1_000_000,
  countedMetrics: 20_000,
  /** Bodies being read, decoded or waiting for the journal. */
  inFlightBytes: 64 * 1024 * 1024,
  inFlightRequests: 2000,
  wireBytes: 16 * 1024 * 1024,
  inflatedBytes: 64 * 1024 * 1024,
  /** Inflated bytes a wire byte may become, once a body has passed `ratioFromBytes`. */
  inflateRatio: 200,
  ratioFromBytes: 1024 * 1024,
  connections: 1000,
  patience: { headersMs: 10_000, requestMs: 30_000, checkMs: 5000 },
  /** How full the journal may be before clients are asked to wait: metrics are what detection lives on, so they go last. */
  pressure: { traces: 0.8, logs: 0.8, metrics: 0.95 },
  retryAfterSeconds: 5,
} as const;
