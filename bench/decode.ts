// How many spans a second of CPU become insertable bytes: our decoder beside protobufjs, in one run, on the same body.
// `decode.ts [FILE]`, FILE being a protobuf ExportTraceServiceRequest; without one, a body is made.
import { readFileSync } from "node:fs";
import { createDecoder } from "../src/receive/decoder.ts";
import { encode } from "../test/receive/otlp-proto.ts";
import { decodeObjects, decodeToJsonRows } from "./lib/protobufjs-rows.ts";
import { cpuSecondsSince, median, printReport } from "./lib/report.ts";

const ROUNDS = 15;
const SPANS = 1000;
const file = process.argv[2];
const body = file === undefined ? madeBody() : new Uint8Array(readFileSync(file));
const decoder = createDecoder({ window: null });

/** Body to sealed columns, as the store inserts them. Ten bodies a batch, as group commit makes of a busy second. */
function ours(): number {
  let spans = 0;
  for (let i = 0; i < 10; i++) {
    const answer = decoder.decode("traces", "protobuf", body, 0);
    if (answer.kind !== "decoded") throw new Error(answer.says);
    spans += answer.accepted;
  }
  decoder.seal();
  return spans;
}

const rates = { ours: [] as number[], objects: [] as number[], rows: [] as number[] };
for (let round = 0; round < ROUNDS + 3; round++) {
  const measured = {
    ours: rate(ours, 3),
    objects: rate(() => decodeObjects(body), 5),
    rows: rate(() => decodeToJsonRows(body), 3),
  };
  // The first rounds are for the compiler.
  if (round >= 3) for (const name of ["ours", "objects", "rows"] as const) rates[name].push(measured[name]);
}
const spansPerCpuSecond = median(rates.ours);
printReport({
  bench: "decode",
  figures: {
    decode_spans_per_cpu_s: Math.round(spansPerCpuSecond),
    // Against protobufjs stopping at message objects, from which nothing can be inserted yet.
    decode_ratio_vs_protobufjs: round2(median(rates.ours.map((value, i) => value / rates.objects[i]!))),
    // The same job on both sides, body to insertable bytes: protobufjs, row objects, JSONEachRow.
    insertable_ratio_vs_protobufjs: round2(median(rates.ours.map((value, i) => value / rates.rows[i]!))),
    bytes_per_span: Math.round(body.length / (ours() / 10)),
  },
  goals: [{ figure: "insertable_ratio_vs_protobufjs", op: ">=", goal: 10 }],
  peers: {
    protobufjs: {
      objects_spans_per_cpu_s: Math.round(median(rates.objects)),
      rows_spans_per_cpu_s: Math.round(median(rates.rows)),
    },
  },
});

function rate(work: () => number, times: number): number {
  const start = process.cpuUsage();
  let spans = 0;
  for (let i = 0; i < times; i++) spans += work();
  return spans / cpuSecondsSince(start);
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Spans of an LLM engine: 8 resource attributes, 12 attributes, an event on every third. */
function madeBody(): Uint8Array {
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const whole = (key: string, intValue: number): object => ({ key, value: { intValue } });
  const models = ["meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mixtral-8x7B", "deepseek-ai/DeepSeek-V3"];
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const id = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, () => 1 + Math.floor(random() * 255));
  const spans = Array.from({ length: SPANS }, (_, i) => {
    const model = models[Math.floor(random() * models.length)]!;
    const start = 1_763_900_000_000_000_000n + BigInt(i) * 1_000_003n;
    return {
      traceId: id(16),
      spanId: id(8),
      parentSpanId: i % 4 === 0 ? new Uint8Array(0) : id(8),
      name: i % 2 === 0 ? "llm_request" : `chat ${model}`,
      kind: 2 + (i % 2),
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + BigInt(Math.floor(random() * 2e9))),
      attributes: [
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", "vllm"),
        text("gen_ai.request.model", model),
        text("gen_ai.response.model", model),
        text("gen_ai.response.id", `chatcmpl-${Buffer.from(id(12)).toString("hex")}`),
        whole("gen_ai.usage.input_tokens", Math.floor(random() * 8000)),
        whole("gen_ai.usage.output_tokens", Math.floor(random() * 2000)),
        { key: "gen_ai.latency.time_to_first_token", value: { doubleValue: random() * 2 } },
        { key: "gen_ai.request.temperature", value: { doubleValue: 0.7 } },
        whole("server.port", 8000),
        text("server.address", `10.0.${i % 4}.${i % 250}`),
        { key: "gen_ai.request.stream", value: { boolValue: true } },
      ],
      events:
        i % 3 === 0
          ? [
              {
                timeUnixNano: String(start),
                name: "gen_ai.first_token",
                attributes: [whole("index", 0), text("finish", "stop")],
              },
            ]
          : [],
      status: i % 20 === 0 ? { code: 2, message: "out of memory" } : {},
    };
  });
  const attributes = [
    text("service.name", "vllm-0"),
    text("service.version", "0.11.0"),
    text("service.instance.id", "pod-0"),
    text("k8s.namespace.name", "inference"),
    text("k8s.pod.name", "vllm-0-7d9f"),
    text("host.name", "gpu-node-0"),
    text("telemetry.sdk.language", "python"),
    text("deployment.environment.name", "prod"),
  ];
  return encode("traces", {
    resourceSpans: [{ resource: { attributes }, scopeSpans: [{ scope: { name: "vllm.llm_engine" }, spans }] }],
  });
}
