// How fast each tenant may send: token buckets for requests and for bytes, pure functions of the clock they are passed.

export interface Rate {
  /** Absent: as many as come. */
  readonly requestsPerSecond?: number;
  /** Bytes of bodies once inflated; absent: as many as come. */
  readonly bytesPerSecond?: number;
}

export interface TenantRates {
  /** For tenants without a rate of their own; each has it for itself. */
  readonly otherwise: Rate;
  readonly tenants: Readonly<Record<string, Rate>>;
}

export interface RateLimiter {
  /** Takes a request in: 0. Or milliseconds, above 0, until the tenant may send again. */
  admit(tenant: string, nowMs: number): number;
  /**
   * Charges a body, whose size is known only now. It may leave the tenant in debt, which the requests after it wait for;
   * so a body larger than what is saved up still comes through.
   */
  charge(tenant: string, bytes: number, nowMs: number): void;
}

interface Bucket {
  readonly perSecond: number;
  tokens: number;
  atMs: number;
}

/** What a tenant that was silent may send at once, in seconds of its rate. */
const burstSeconds = 2;

export function createRateLimiter({ otherwise, tenants }: TenantRates): RateLimiter {
  const known = new Map<string, { readonly requests?: Bucket; readonly bytes?: Bucket }>();
  const bucketsOf = (tenant: string, nowMs: number) => {
    let buckets = known.get(tenant);
    if (buckets === undefined) {
      const rate = (Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined) ?? otherwise;
      buckets = {
        ...(rate.requestsPerSecond === undefined ? {} : { requests: createBucket(rate.requestsPerSecond, nowMs) }),
        ...(rate.bytesPerSecond === undefined ? {} : { bytes: createBucket(rate.bytesPerSecond, nowMs) }),
      };
      known.set(tenant, buckets);
    }
    if (buckets.requests !== undefined) refill(buckets.requests, nowMs);
    if (buckets.bytes !== undefined) refill(buckets.bytes, nowMs);
    return buckets;
  };

  return {
    admit(tenant, nowMs) {
      const { requests, bytes } = bucketsOf(tenant, nowMs);
      const waitMs = Math.max(missingMs(requests, 1), missingMs(bytes, 0));
      if (waitMs === 0 && requests !== undefined) requests.tokens -= 1;
      return waitMs;
    },
    charge(tenant, size, nowMs) {
      const { bytes } = bucketsOf(tenant, nowMs);
      if (bytes !== undefined) bytes.tokens -= size;
    },
  };
}

function createBucket(perSecond: number, atMs: number): Bucket {
  return { perSecond, tokens: capacity(perSecond), atMs };
}

/** At least one request fits, however low the rate. */
function capacity(perSecond: number): number {
  return Math.max(1, perSecond * burstSeconds);
}

/** A clock that is set back gives nothing and takes nothing. */
function refill(bucket: Bucket, nowMs: number): void {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  bucket.atMs = nowMs;
  bucket.tokens = Math.min(capacity(bucket.perSecond), bucket.tokens + (elapsedMs / 1000) * bucket.perSecond);
}

function missingMs(bucket: Bucket | undefined, tokens: number): number {
  // Sums of fractions may fall short of a whole token by a hair.
  if (bucket === undefined || bucket.tokens >= tokens - 1e-6) return 0;
  return Math.max(1, Math.ceil(((tokens - bucket.tokens) / bucket.perSecond) * 1000));
}
