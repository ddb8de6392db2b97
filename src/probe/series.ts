// Results as series: what rules, detectors and failure modes read of probes.
import type { Entity } from "../model/entity.ts";
import type { Labels } from "../model/labels.ts";
import type { MadeSample } from "../model/ports/series-sink.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Verdict } from "./canary.ts";
import type { ProbeResult } from "./result.ts";
import { instanceOf, type ProbeTarget, targetEntity } from "./target.ts";

/** Series of one probe against one target: its cases together. */
export interface ProbeSeries {
  /** What a run came to: the results of one probe against one target. */
  note(results: readonly ProbeResult[], verdicts: readonly Verdict[], now: Instant): void;
  /** Levels as they stand and what was counted since the last call, as of `at`; none of levels older than `freshMs`. */
  samples(resource: Labels, now: Instant, at: Instant): readonly MadeSample[];
}

/**
 * `probe_success` (1 = all cases passed), `probe_duration_seconds` (longest answer), `probe_quality_score` (mean),
 * `homeostat_probe_failures_total`, and of canaries `probe_canary_p_value` (that it is the worse one), each with `probe`. A run without an answer to judge
 * leaves no level: nothing known is no failure.
 */
export function createProbeSeries(
  probe: string,
  target: Pick<ProbeTarget, "model" | "tenant">,
  freshMs: DurationMs,
): ProbeSeries {
  let model = target.model ?? "";
  let levels: Readonly<Record<string, number>> = {};
  let canary: readonly Verdict[] = [];
  let notedAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  /** A counter that begins above zero hides its first increase, so zero is said first. */
  let countedAs: string | undefined;

  return {
    note(results, verdicts, now) {
      model = results.findLast((result) => result.model !== "")?.model ?? model;
      const judged = results.filter(({ outcome }) => outcome === "passed" || outcome === "failed");
      const failed = judged.filter(({ outcome }) => outcome === "failed");
      if (judged.length === 0) return;
      notedAt = now;
      failures += failed.length;
      levels = {
        probe_success: failed.length === 0 ? 1 : 0,
        probe_duration_seconds: Math.max(...judged.map(({ seconds }) => seconds)),
        probe_quality_score: mean(judged.map(({ score }) => score).filter((score) => !Number.isNaN(score))),
      };
      canary = verdicts;
    },
    samples(resource, now, at) {
      const attributes: Labels = model === "" ? { probe } : { probe, gen_ai_request_model: model };
      const about = { at, resource, ...(target.tenant === undefined ? {} : { tenant: target.tenant }) };
      const isNew = countedAs !== model;
      countedAs = model;
      const counted = isNew ? 0 : failures;
      failures -= counted;
      const samples: MadeSample[] = [
        { ...about, kind: "count", metric: "homeostat_probe_failures_total", unit: "", attributes, value: counted },
      ];
      if (now - notedAt > freshMs) return samples;
      for (const [metric, value] of Object.entries(levels)) {
        const unit = metric.endsWith("_seconds") ? "s" : "1";
        if (Number.isFinite(value)) samples.push({ ...about, kind: "level", metric, unit, attributes, value });
      }
      for (const { measure, pValue, worse, better } of canary)
        samples.push({
          ...{ ...about, kind: "level", metric: "probe_canary_p_value", unit: "1" },
          attributes: { ...attributes, measure },
          value: worse > better ? pValue : 1,
        });
      return samples;
    },
  };
}

/**
 * What its series are about; undefined if neither telemetry nor configuration says which service the replica is of. To guess
 * would give the replica a wrong parent for good.
 */
export function resourceOf(target: ProbeTarget, entities: readonly Entity[]): Labels | undefined {
  const id = targetEntity(target);
  const parent = entities.find((entity) => entity.id === id)?.parent;
  const known = parent?.slice(parent.indexOf(":") + 1);
  const prefix = target.tenant === undefined ? "" : `${target.tenant}~`;
  const service = known?.startsWith(prefix) === true ? known.slice(prefix.length) : (known ?? target.service);
  return service === undefined ? undefined : { "service.name": service, "service.instance.id": instanceOf(target) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}
