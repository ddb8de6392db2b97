// A fence around every detector: one that throws or answers rubbish is counted, shown, and set aside; the others go on.
import type { Detector, DetectorKind, InputKind, Inputs } from "../model/detector.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs } from "../model/time.ts";

export interface DetectorState {
  readonly detector: string;
  /** `set-aside`: it failed so often that it is not asked any more until the next start. */
  readonly state: "runs" | "failing" | "set-aside";
  readonly failures: number;
  readonly lastError?: string;
}

export interface Guarded<K extends InputKind> extends Detector<K> {
  follow(batch: Inputs[K], now: number): void;
  accept(slot: number): void;
  state(): DetectorState;
}

/** Steps in a row that may fail. */
const failuresMax = 5;
const noView = { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };

/** Counts as `homeostat.detect.detector_failures` by `detector` and `what`. A snapshot it cannot be made from is left alone. */
export function guarded<K extends InputKind>(
  kind: DetectorKind<K>,
  snapshot: Uint8Array | undefined,
  telemetry: Telemetry,
  stepMs?: DurationMs,
): Guarded<K> {
  let failures = 0;
  let failuresBefore = -1;
  let inARow = 0;
  let lastError: string | undefined;
  let detector = attempt("create", () => kind.create(snapshot, stepMs), undefined);
  if (detector === undefined && snapshot !== undefined)
    detector = attempt("create", () => kind.create(undefined, stepMs), undefined);
  if (detector === undefined) inARow = failuresMax;

  return {
    score(batch, now, out) {
      out.fill(Number.NaN);
      if (inARow >= failuresMax) return;
      // A step begins with its score: one without any failure makes good for those before.
      if (failures === failuresBefore) inARow = 0;
      const before = failures;
      failuresBefore = failures;
      run("score", (own) => own.score(batch, now, out));
      let rubbish = 0;
      for (let row = 0; row < out.length; row++) {
        const score = out[row] as number;
        // A throw half way leaves rows nobody vouches for.
        const good = Number.isNaN(score) || (score >= 0 && score < Number.POSITIVE_INFINITY && failures === before);
        if (good) continue;
        out[row] = Number.NaN;
        rubbish++;
      }
      if (failures === before && rubbish > 0) fail("answer", `${rubbish} scores were negative or infinite`);
    },
    follow: (batch, now) => run("follow", (own) => own.follow?.(batch, now)),
    learn: (batch, at) => run("learn", (own) => own.learn(batch, at)),
    accept: (slot) => run("accept", (own) => own.accept?.(slot)),
    explain: (batch, row) => run("explain", (own) => own.explain(batch, row)) ?? noView,
    snapshot: () => run("snapshot", (own) => own.snapshot()) ?? new Uint8Array(0),
    state() {
      const state = inARow >= failuresMax ? "set-aside" : inARow > 0 ? "failing" : "runs";
      return { detector: kind.kind, state, failures, ...(lastError === undefined ? {} : { lastError }) };
    },
  };

  function run<T>(what: string, work: (own: Detector<K>) => T): T | undefined {
    if (detector === undefined || inARow >= failuresMax) return undefined;
    const own = detector;
    return attempt(what, () => work(own), undefined);
  }

  function attempt<T, U>(what: string, work: () => T, otherwise: U): T | U {
    try {
      return work();
    } catch (error) {
      fail(what, error instanceof Error ? error.message : String(error));
      return otherwise;
    }
  }

  function fail(what: string, reason: string): void {
    failures++;
    inARow++;
    lastError = `${what}: ${reason}`;
    telemetry.count("homeostat.detect.detector_failures", 1, { detector: kind.kind, what });
    if (inARow !== 1 && inARow !== failuresMax) return;
    const then = inARow === failuresMax ? "it is set aside until the next start" : "the others go on";
    telemetry.log.warn(`a detector failed; ${then}`, { detector: kind.kind, what, reason });
    if (inARow === failuresMax) telemetry.gauge("homeostat.detect.detector_set_aside", 1, { detector: kind.kind });
  }
}
