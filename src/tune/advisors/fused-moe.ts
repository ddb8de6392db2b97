// vLLM says in its log when it has no tuned kernel for a mixture-of-experts layer: which file, for which shapes, how to make it.
import type { Entity, EntityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { LogRecord } from "../../model/ports/log-source.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Recommendation } from "../../model/recommendation.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { Instant } from "../../model/time.ts";
import type { Advisor, Situation } from "../advisor.ts";
import { numberOf, only } from "../measure.ts";
import { type MoeConfig, nearestCount, parseMissingConfig, searchSpace, tokenCounts } from "../moe-config.ts";

const logLine = "Using default MoE config";
const lookBackMs = 24 * 3_600_000;
const linesMax = 200;
const adviceMax = 20;
const shares = [0.25, 0.5, 0.75, 0.9, 0.99] as const;
const benchmark = "python benchmarks/kernels/benchmark_moe.py";

interface Missing {
  readonly config: MoeConfig;
  readonly target: EntityId;
  readonly record: LogRecord;
}

/** One recommendation for each missing file and deployment. The steps that matter are read from telemetry. */
export const fusedMoe: Advisor = {
  name: "fused-moe",
  async advise({ at, entities }, { source, logs }) {
    const range = { from: at - lookBackMs, to: at + 1 };
    const records = await logs.search({ contains: logLine, range, limit: linesMax });
    const missing = new Map<string, Missing>();
    // Newest first; the oldest line stays, so that the advice says since when.
    for (const record of records) {
      const config = parseMissingConfig(record.body);
      if (config === undefined) continue;
      const target = deploymentOf(record, entities);
      missing.set(`${target} ${config.file}`, { config, target, record });
    }
    const advice: Recommendation[] = [];
    for (const one of [...missing.values()].slice(0, adviceMax))
      advice.push(await adviseOn(one, { at, entities }, source));
    return advice;
  },
};

async function adviseOn(
  { config, target, record }: Missing,
  { at, entities }: Pick<Situation, "at" | "entities">,
  source: SeriesSource,
): Promise<Recommendation> {
  const members = entities.filter(({ id, parent }) => id === target || parent === target);
  const steps = await stepTokens(
    members.map(({ id }) => id),
    at,
    source,
  );
  const counts = steps === undefined ? tokenCounts : [...new Set(steps.values.map(nearestCount))].sort((a, b) => a - b);
  const space = searchSpace(config, counts.at(-1)!);
  const measured =
    steps === undefined
      ? "No telemetry tells how many tokens a step has, so all entries are listed."
      : `By ${steps.from} steps have ${steps.values.map(Math.round).join(", ")} tokens (${shares.map((s) => `p${s * 100}`).join(", ")}), so the entries ${counts.join(", ")} matter most.`;
  const limit = `${space.sharedMemoryKib} KiB of shared memory${space.assumed ? " (assumed: the device is not known here)" : ` of ${config.device}`}`;
  return {
    id: stableId("recommendation", "fused-moe", target, config.file),
    at,
    kind: "gpu-kernel",
    target,
    title: `Tune the fused-MoE kernel for ${config.device} (E=${config.experts}, N=${config.n})`,
    changes: [{ parameter: config.file, from: "default configuration", to: "configuration tuned on this device" }],
    searchSpace: { tokens: counts, ...space.parameters },
    why: `vLLM found no tuned configuration ${config.file} and uses its default. ${measured} Of ${space.total} combinations for each entry ${space.valid} fit ${limit}. To measure them, with the engine stopped on one GPU of this kind: ${command(config, members, counts)}; then start vLLM with VLLM_TUNED_CONFIG_FOLDER set to that folder (versions without that variable read vllm/model_executor/layers/fused_moe/configs).`,
    expected:
      "Unknown until measured. Published gains of the kernel lie between 3 and 16 %; of the whole service they were from nothing to about as much, and one was a loss.",
    risk: "vLLM takes the nearest entry for every step: a file with few entries can slow prefill down, so complete the other entries too. Other tiles sum in another order, so results may differ in the last bits. Keep it only if an A/B comparison under real load shows a gain beyond noise.",
    evidence: [
      {
        kind: "log",
        says: `vLLM logged that ${config.file} is missing`,
        at: record.at,
        ...(record.entity === undefined ? {} : { entity: record.entity }),
        subject: logLine,
      },
    ],
  };
}

/** Tokens in an engine step at the quantiles of {@link shares}. */
async function stepTokens(
  members: readonly EntityId[],
  at: Instant,
  source: SeriesSource,
): Promise<{ readonly from: string; readonly values: readonly number[] } | undefined> {
  const safe = members.filter((id) => only(id) !== undefined).slice(0, 64);
  if (safe.length === 0) return undefined;
  // In a regular expression everything but letters and digits is written so that it means itself; twice for the string.
  const which = `entity=~"${safe.map((id) => id.replace(/[^A-Za-z0-9:@/_-]/g, "\\\\$&")).join("|")}"`;
  const ask = async (expr: (share: number) => string): Promise<number[] | undefined> => {
    const values: number[] = [];
    for (const share of shares) {
      const value = await numberOf(expr(share), at, source);
      if (value === undefined || !(value > 0)) return undefined;
      values.push(value);
    }
    return values;
  };
  const buckets = `sum by (le) (rate(vllm:iteration_tokens_total_bucket{${which}}[10m]))`;
  const steps = await ask((share) => `histogram_quantile(${share}, ${buckets})`);
  if (steps !== undefined) return { from: "vllm:iteration_tokens_total", values: steps };
  const running = await ask((share) => `avg(quantile_over_time(${share}, llm:requests_running{${which}}[30m]))`);
  // A decode step has a token for each running request; steps with prefill have more and are not seen this way.
  return running === undefined ? undefined : { from: "the number of running requests", values: running };
}

/** Only checked values and placeholders: what a log line says never becomes part of a command. */
function command(config: MoeConfig, members: readonly Entity[], counts: readonly number[]): string {
  const model = members
    .map(({ labels }) => labels["model"] ?? "")
    .find((name) => /^[A-Za-z0-9][\w./-]{0,127}$/.test(name));
  const dtype = config.dtype === "fp8_w8a8" || config.dtype === "int8_w8a16" ? config.dtype : "auto";
  return `${benchmark} --model ${model ?? "<model>"} --tp-size <tensor parallel size> --dtype ${dtype} --batch-size ${counts.join(" ")} --tune --save-dir <folder>`;
}

function deploymentOf(record: LogRecord, entities: readonly Entity[]): EntityId {
  const entity = entities.find(({ id }) => id === record.entity);
  if (entity !== undefined) return entity.parent ?? entity.id;
  const deployment = `deployment:${nameWithin(record.tenant, record.service)}`;
  return entities.some(({ id, parent }) => id === deployment || parent === deployment)
    ? deployment
    : (record.entity ?? deployment);
}
