// Advice with its arithmetic, from telemetry and log lines; and none where there is nothing to go by.
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../src/model/incident.ts";
import type { LogRecord } from "../../src/model/ports/log-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { nearestCount, parseMissingConfig, searchSpace, tokenCounts } from "../../src/tune/moe-config.ts";
import { createTune } from "../../src/tune/tune.ts";
import { deployment, memoryLogs, memorySeries, replica } from "../diagnose/memory-sources.ts";

const at = Date.UTC(2026, 0, 5, 12);
const entities = ["vllm-0", "vllm-1"].map(replica);

function diagnosed(failureMode: string): Diagnosis {
  const cause = {
    failureMode,
    code: "FM-00",
    title: "T",
    probability: 0.9,
    location: "replica:vllm-0",
    for: [],
    against: [],
  };
  return { id: "d", incident: "i1", at, causes: [cause], summary: "", falsifiedBy: "" };
}

/** Ten minutes of a cumulative histogram in which every request had a length within (lower, upper]. */
function histogram(
  source: ReturnType<typeof memorySeries>,
  metric: string,
  entity: string,
  bounds: readonly number[],
  hit: number,
): void {
  for (let minute = 0; minute <= 10; minute++) {
    for (const bound of [...bounds, Number.POSITIVE_INFINITY]) {
      const le = Number.isFinite(bound) ? String(bound) : "+Inf";
      const labels = { __name__: `${metric}_bucket`, entity, parent: deployment, le };
      source.add(labels, at - (10 - minute) * 60_000, bound >= hit ? minute * 60 : 0);
    }
  }
}

function saturated(share: string, siblingBlocks?: number): ReturnType<typeof memorySeries> {
  const source = memorySeries();
  const info = (entity: string, blocks: number, utilization: string): void =>
    source.add(
      {
        __name__: "vllm:cache_config_info",
        entity,
        parent: deployment,
        block_size: "16",
        num_gpu_blocks: String(blocks),
        gpu_memory_utilization: utilization,
      },
      at,
      1,
    );
  info("replica:vllm-0", 1000, share);
  if (siblingBlocks !== undefined) info("replica:vllm-1", siblingBlocks, "0.92");
  histogram(source, "vllm:request_prompt_tokens", "replica:vllm-0", [500, 1000], 1000);
  histogram(source, "vllm:request_generation_tokens", "replica:vllm-0", [100, 200], 200);
  return source;
}

const tune = (source: ReturnType<typeof memorySeries>, records: readonly LogRecord[] = []) =>
  createTune({ source, logs: memoryLogs(records), telemetry: silentTelemetry });

describe("a saturated KV cache", () => {
  // 90th percentiles by interpolation: 500 + 0.9 x 500 = 950 and 100 + 0.9 x 100 = 190.
  test("gives the number of sequences that fit, with the arithmetic, and the memory a sibling has", async () => {
    const input = { at, diagnoses: [diagnosed("kv-cache-saturation")], entities };
    const [advice] = await tune(saturated("0.84", 2000)).recommend(input);
    expect(advice!.changes).toEqual([
      { parameter: "gpu_memory_utilization", from: "0.84", to: "0.92" },
      { parameter: "max_num_seqs", to: "25" },
    ]);
    expect(advice!.why).toContain(
      "1000 blocks x 16 tokens = 16000 tokens; 90 % of requests need at most 950 prompt + 190 output tokens; floor(0.9 x 16000 / 1140) = 12 sequences fit",
    );
    expect(advice).toMatchObject({ kind: "engine-knob", target: "replica:vllm-0" });
  });

  test.each([
    [
      "0.84",
      [
        { parameter: "gpu_memory_utilization", from: "0.84", to: "0.9" },
        { parameter: "max_num_seqs", to: "12" },
      ],
    ],
    ["0.95", [{ parameter: "max_num_seqs", to: "12" }]],
    ["", [{ parameter: "max_num_seqs", to: "12" }]],
  ])("without a better sibling and with utilization %j", async (share, changes) => {
    const input = { at, diagnoses: [diagnosed("kv-cache-saturation")], entities };
    expect((await tune(saturated(share)).recommend(input))[0]!.changes).toEqual(changes);
  });

  test("is the only diagnosis it speaks to, and telemetry the only thing it goes by", async () => {
    const ask = (source: ReturnType<typeof memorySeries>, mode: string) =>
      tune(source).recommend({ at, diagnoses: [diagnosed(mode)], entities });
    expect(await ask(saturated("0.84"), "stuck-engine")).toEqual([]);
    expect(await ask(memorySeries(), "kv-cache-saturation")).toEqual([]);
  });
});

const where = "/usr/lib/vllm/model_executor/layers/fused_moe/configs";
const line = (file: string, listed = false): string => {
  const path = `${where}/${file}`;
  return `Using default MoE config. Performance might be sub-optimal! Config file not found at ${listed ? `['${path}', '/other/${file}']` : path}`;
};
const record = (body: string, entity?: string): LogRecord => ({
  at: at - 60_000,
  service: "chat",
  severity: 13,
  body,
  resource: {},
  attributes: {},
  ...(entity === undefined ? {} : { entity }),
});

describe("a missing fused-MoE configuration", () => {
  test.each([
    ["E=128,N=768,device_name=NVIDIA_H100_80GB_HBM3.json", { experts: 128, n: 768, device: "NVIDIA_H100_80GB_HBM3" }],
    ["E=16,N=1536,device_name=NVIDIA_H20-3e,dtype=fp8_w8a8.json", { device: "NVIDIA_H20-3e", dtype: "fp8_w8a8" }],
    [
      "E=512,N=256,device_name=NVIDIA_L40S,dtype=fp8_w8a8,block_shape=[128,128].json",
      { device: "NVIDIA_L40S", dtype: "fp8_w8a8", blockShape: [128, 128] },
    ],
  ])("is read off the log line: %s", (file, parts) => {
    for (const listed of [false, true])
      expect(parseMissingConfig(line(file, listed))).toMatchObject({ file, ...parts });
  });

  test.each([
    "E=0,N=768,device_name=X.json",
    "E=128,N=768,device_name=X; rm -rf /.json",
    "E=128,N=768,device_name=X,dtype=evil.json",
    "E=128,N=768,device_name=$(id).json",
    "nothing at all",
  ])("a line that is not one gives none: %s", (text) => {
    expect(parseMissingConfig(text)).toBeUndefined();
  });

  test("is advised once for a deployment, for the steps its telemetry shows", async () => {
    const source = memorySeries();
    for (const name of ["vllm-0", "vllm-1"]) {
      histogram(source, "vllm:iteration_tokens_total", `replica:${name}`, [1, 8, 16, 32, 64, 128], 64);
    }
    const file = "E=128,N=768,device_name=NVIDIA_H100_80GB_HBM3.json";
    const records = ["vllm-0", "vllm-1", "vllm-0"].map((name) => record(line(file), `replica:${name}`));
    const advice = await tune(source, records).recommend({ at, diagnoses: [], entities });
    expect(advice).toHaveLength(1);
    expect(advice[0]).toMatchObject({ kind: "gpu-kernel", target: deployment, changes: [{ parameter: file }] });
    expect(advice[0]!.searchSpace).toEqual({
      tokens: [32, 48, 64],
      BLOCK_SIZE_M: [16, 32, 64],
      BLOCK_SIZE_N: [32, 64, 128, 256],
      BLOCK_SIZE_K: [64, 128, 256],
      GROUP_SIZE_M: [1, 16, 32, 64],
      num_warps: [4, 8],
      num_stages: [2, 3, 4, 5],
    });
    expect(advice[0]!.why).toContain("--batch-size 32 48 64 --tune");
    expect(advice[0]!.why).toContain("227 KiB of shared memory of NVIDIA_H100_80GB_HBM3");
  });

  test("without step telemetry goes by running requests, and without any by all entries", async () => {
    const records = [record(line("E=8,N=7168,device_name=NVIDIA_A100-SXM4-80GB.json"), "replica:vllm-0")];
    const source = memorySeries();
    for (let i = 0; i < 60; i++) {
      source.add(
        { __name__: "llm:requests_running", entity: "replica:vllm-0", parent: deployment },
        at - (60 - i) * 5000,
        30,
      );
    }
    const [running] = await tune(source, records).recommend({ at, diagnoses: [], entities });
    expect(running!.searchSpace!["tokens"]).toEqual([32]);
    const [blind] = await tune(memorySeries(), records).recommend({ at, diagnoses: [], entities });
    expect(blind!.searchSpace!["tokens"]).toEqual(tokenCounts);
  });

  test("puts no model name into the command that is not a plain one", async () => {
    const named = (model: string) => entities.map((entity) => ({ ...entity, labels: { model } }));
    const records = [record(line("E=8,N=7168,device_name=NVIDIA_L4.json"), "replica:vllm-0")];
    const why = async (model: string): Promise<string> =>
      (await tune(memorySeries(), records).recommend({ at, diagnoses: [], entities: named(model) }))[0]!.why;
    expect(await why("Qwen/Qwen3-30B-A3B")).toContain("--model Qwen/Qwen3-30B-A3B ");
    for (const bad of ["x; reboot", "--help", "$(id)"]) expect(await why(bad)).toContain("--model <model> ");
  });
});

test("an advisor that fails does not silence the others", async () => {
  const logs = { search: () => Promise.reject(new Error("down")) };
  const { recommend } = createTune({ source: saturated("0.84"), logs, telemetry: silentTelemetry });
  expect(await recommend({ at, diagnoses: [diagnosed("kv-cache-saturation")], entities })).toHaveLength(1);
});

test.each([
  [0, 1],
  [5, 4],
  [30, 32],
  [700, 512],
  [1e6, 4096],
])("a step of %i tokens uses the entry for %i", (tokens, count) => {
  expect(nearestCount(tokens)).toBe(count);
});

test("only combinations that fit the device's shared memory count as valid", () => {
  const of = (device: string, dtype?: string) =>
    searchSpace({ file: "", experts: 8, n: 4096, device, ...(dtype === undefined ? {} : { dtype }) }, 4096);
  expect(of("NVIDIA_H100_80GB_HBM3").total).toBe(1920);
  expect(of("NVIDIA_H100_80GB_HBM3").valid).toBeGreaterThan(of("NVIDIA_L4").valid);
  expect(of("NVIDIA_H100_80GB_HBM3", "fp8_w8a8").valid).toBeGreaterThan(of("NVIDIA_H100_80GB_HBM3").valid);
  expect(of("Somebodys_GPU")).toMatchObject({ assumed: true, sharedMemoryKib: 99 });
});

const tuned = new URL("../../../shared/data/kernels/vllm_tuned_configs/configs.json.gz", import.meta.url);
test.skipIf(!existsSync(tuned))("holds nearly all published best configurations (needs ../shared/data/kernels)", () => {
  type Best = Record<string, Record<string, number>>;
  const files = JSON.parse(gunzipSync(readFileSync(tuned)).toString()) as Record<string, Best>;
  let seen = 0;
  let inside = 0;
  for (const [name, best] of Object.entries(files)) {
    const config = parseMissingConfig(name);
    if (!name.startsWith("moe/") || config === undefined || !config.device.startsWith("NVIDIA")) continue;
    for (const [tokens, values] of Object.entries(best)) {
      const { parameters } = searchSpace(config, Number(tokens));
      seen++;
      if (Object.entries(parameters).every(([key, choices]) => choices.includes(values[key]!))) inside++;
    }
  }
  expect(seen).toBeGreaterThan(1000);
  expect(inside / seen).toBeGreaterThan(0.9);
});
