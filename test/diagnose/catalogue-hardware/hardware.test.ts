// GPUs, their links and their nodes: each mode is named where it is, and not where it only seems to be.
import { type Case, judgeAll } from "./judge.ts";
import {
  alert,
  changed,
  counter,
  deployment,
  each,
  engine,
  gpusOf,
  kernel,
  slow,
  slowAnomalies,
  stuck,
  stuckAnomalies,
  xid,
} from "./situation.ts";

const stuckOn1 = { signals: { "replica:chat-1": stuck }, anomalies: stuckAnomalies(1) };
const slowOn1 = { signals: { "replica:chat-1": slow }, anomalies: slowAnomalies(1) };
const spin = { "gpu:utilization_ratio": 1, "gpu:dram_active_ratio": 0, "gpu:tensor_active_ratio": 0 };
const hot = {
  "gpu:temperature_celsius": 91,
  "gpu:throttled": 1,
  "gpu:thermal_throttling_ratio": 0.6,
  "gpu:sm_clock_hertz": 1.1e9,
};
const capped = { "gpu:power_limit_watts": 400, "gpu:power_capped": 1, "gpu:sm_clock_hertz": 1.4e9 };
const probe = (slot: number, name: string, during: number) =>
  counter(
    "homeostat_probe_failures_total",
    { entity: `replica:chat-${slot}`, parent: deployment, probe: name, gen_ai_request_model: "m" },
    0,
    during,
  );

const cases: readonly Case[] = [
  [
    "a contained memory error in log and gauge",
    "gpu-application-xid",
    "gpu:GPU-1a",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, "gpu:GPU-1a": { "gpu:xid": 94 } },
      logs: [xid(1, 94), engine(1, "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue")],
    },
  ],
  [
    "a contained error followed by an uncontained one",
    "gpu-memory-ecc",
    "gpu:GPU-1a",
    { ...stuckOn1, logs: [xid(1, 94), xid(1, 95)] },
  ],
  [
    "a double-bit error that only the kernel's log tells of, as DCGM lacks ECC by default",
    "gpu-memory-ecc",
    "gpu:GPU-1a",
    { ...stuckOn1, logs: [xid(1, 48), engine(1, "CUDA error: uncorrectable ECC error encountered")] },
  ],
  [
    "a double-bit error that only the exporter tells of",
    "gpu-memory-ecc",
    "gpu:GPU-1b",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, "gpu:GPU-1b": { "gpu:xid": 48, "gpu:ecc_uncorrected:rate": 0.01 } },
    },
  ],
  [
    "an application error, whatever an alert on memory says",
    "gpu-application-xid",
    "gpu:GPU-1a",
    { ...stuckOn1, logs: [xid(1, 69)], alerts: [alert("gpu-memory-ecc", "gpu:GPU-1a")] },
  ],
  [
    "79 of one GPU whose series end",
    "gpu-off-bus",
    "gpu:GPU-1a",
    { ...stuckOn1, signals: { ...stuckOn1.signals, "gpu:GPU-1a": null }, logs: [xid(1, 79)] },
  ],
  [
    "newer drivers' line without a number",
    "gpu-off-bus",
    "gpu:GPU-1a",
    { ...stuckOn1, logs: [kernel(1, "NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.")] },
  ],
  [
    "all GPUs of a node silent while the replica serves: the exporter, no bus",
    "telemetry-loss",
    "gpu:GPU-1a",
    { signals: each(gpusOf(1), null), alerts: [alert("gpu-off-bus", "gpu:GPU-1a")] },
  ],
  [
    "NVLink's Xid with link errors",
    "nvlink-fault",
    "gpu:GPU-1a",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, ...each(gpusOf(1), { ...spin, "gpu:nvlink_errors:rate": 3 }) },
      logs: [xid(1, 145), engine(1, "NCCL WARN unhandled cuda error")],
    },
  ],
  [
    "spinning GPUs with clean links",
    "collective-hang",
    "replica:chat-1",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, ...each(gpusOf(1), spin) },
      alerts: [alert("nvlink-fault", "gpu:GPU-1a")],
    },
  ],
  [
    "a driver that waits for the GPU's processor",
    "gsp-timeout",
    "gpu:GPU-1a",
    { ...stuckOn1, signals: { ...stuckOn1.signals, ...each(gpusOf(1), null) }, logs: [xid(1, 119)] },
  ],
  [
    "fallen off the bus, though 119 was alerted on",
    "gpu-off-bus",
    "gpu:GPU-1a",
    { ...stuckOn1, logs: [xid(1, 79)], alerts: [alert("gsp-timeout", "gpu:GPU-1a")] },
  ],
  [
    "the watchdog of the collectives",
    "collective-hang",
    "replica:chat-1",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, ...each(gpusOf(1), spin) },
      logs: [engine(1, "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12, OpType=GATHER)")],
    },
  ],
  [
    "no token and idle GPUs: the engine, no collective",
    "stuck-engine",
    "replica:chat-1",
    {
      ...stuckOn1,
      signals: { ...stuckOn1.signals, ...each(gpusOf(1), { "gpu:utilization_ratio": 0, "gpu:dram_active_ratio": 0 }) },
      alerts: [alert("collective-hang", "replica:chat-1")],
    },
  ],
  [
    "a hot GPU with throttle reasons",
    "thermal-throttling",
    "gpu:GPU-1b",
    { ...slowOn1, signals: { ...slowOn1.signals, "gpu:GPU-1b": hot } },
  ],
  [
    "a hot GPU of which DCGM's default fields tell heat and clock only",
    "thermal-throttling",
    "gpu:GPU-1b",
    {
      ...slowOn1,
      signals: {
        ...slowOn1.signals,
        "gpu:GPU-1b": { "gpu:temperature_celsius": 91, "gpu:sm_clock_hertz": 1.1e9 },
      },
    },
  ],
  [
    "a cool GPU with a lowered limit",
    "power-capping",
    "gpu:GPU-1a",
    {
      ...slowOn1,
      signals: { ...slowOn1.signals, "gpu:GPU-1a": capped },
      alerts: [alert("thermal-throttling", "gpu:GPU-1a")],
    },
  ],
  [
    "a hot GPU that is at its power cap as well",
    "thermal-throttling",
    "gpu:GPU-1a",
    {
      ...slowOn1,
      signals: { ...slowOn1.signals, "gpu:GPU-1a": { ...hot, "gpu:power_capped": 1 } },
      alerts: [alert("power-capping", "gpu:GPU-1a")],
    },
  ],
  [
    "a replica slower than its siblings under the same load, and nothing says why",
    "straggler",
    "replica:chat-1",
    slowOn1,
  ],
  [
    "a slow replica on a hot GPU",
    "thermal-throttling",
    "gpu:GPU-1a",
    { ...slowOn1, signals: { ...slowOn1.signals, "gpu:GPU-1a": hot }, alerts: [alert("straggler", "replica:chat-1")] },
  ],
  [
    "a slow replica after a deploy",
    "upgrade-regression",
    "replica:chat-1",
    {
      ...slowOn1,
      changes: [changed("deploy", "replica:chat-1", "vllm 0.24")],
      alerts: [alert("straggler", "replica:chat-1")],
    },
  ],
  [
    "one replica fails known answers",
    "silent-data-corruption",
    "replica:chat-1",
    {
      raw: [probe(1, "known_answer", 0.05), probe(0, "known_answer", 0)],
      alerts: [alert("garbled-output", "replica:chat-1")],
    },
  ],
  [
    "all replicas fail known answers since a deploy",
    "garbled-output",
    deployment,
    {
      raw: [
        ...[0, 1, 2].map((slot) => probe(slot, "known_answer", 0.05)),
        counter("homeostat_text_flagged_total", { gen_ai_request_model: "m", side: "output", fact: "garbled" }, 0, 1),
        counter("homeostat_text_seen_total", { gen_ai_request_model: "m", side: "output" }, 4, 4),
      ],
      changes: [changed("deploy", deployment, "vllm 0.24")],
      alerts: [alert("silent-data-corruption", "replica:chat-1")],
    },
  ],
];

judgeAll(cases);
