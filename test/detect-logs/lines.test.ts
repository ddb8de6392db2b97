// Single lines and traces: severity, stack traces, kernel events, statistics of engines, and the tests over counts.
import { describe, expect, it } from "vitest";
import { parseEngineLine } from "../../src/detect/logs/engine-lines.ts";
import { parseKernelLine } from "../../src/detect/logs/kernel.ts";
import { inferSeverity, severityName } from "../../src/detect/logs/severity.ts";
import { foldTrace } from "../../src/detect/logs/stack.ts";
import { mixTail } from "../../src/detect/logs/tests.ts";
import { binomialLower, binomialUpper, chiSquaredUpper } from "../../src/math/tails.ts";

it.each([
  ["[ERROR] nothing works", "error"],
  ["WARNING 01-02 03:04:05 engine.py:3] slow", "warn"],
  ["E0102 03:04:05.000000 1 x.go:3] no", "error"],
  ['{"level":"info","message":"the last try failed"}', "info"],
  ["CUDA error: an illegal memory access was encountered", "error"],
  ["serving", "unspecified"],
])("the severity of %s is %s", (text, name) => {
  expect(severityName(inferSeverity(text))).toBe(name);
});

describe("traces", () => {
  it.each([
    [
      "python",
      'x\nTraceback (most recent call last):\n  File "/a/b.py", line 3, in run\n    go()\n  File "/a/c.py", line 9, in go\n    1/0\nZeroDivisionError: division by zero',
      "ZeroDivisionError: division by zero",
      ["c.py:go", "b.py:run"],
    ],
    [
      "java",
      "java.lang.IllegalStateException: closed\n\tat a.b.C.run(C.java:10)\n\tat a.b.D.main(D.java:3)\nCaused by: java.io.IOException: gone\n\t... 2 more",
      "java.io.IOException: gone",
      ["a.b.C.run", "a.b.D.main"],
    ],
    [
      "go",
      "panic: no\n\ngoroutine 1 [running]:\nmain.inner(0x1)\n\t/a/m.go:3 +0x1\nmain.main()\n\t/a/m.go:9 +0x2\n",
      "panic: no",
      ["main.inner", "main.main"],
    ],
    [
      "javascript",
      "TypeError: x is not a function\n    at run (/a/b.js:3:5)\n    at file:///a/c.js:1:1",
      "TypeError: x is not a function",
      ["b.js:run", "c.js:?"],
    ],
    [
      "c++",
      "terminate called\n    @     0x7f00  at::native::add(int)\n    @     0x7f01  main\n",
      "terminate called",
      ["at::native::add", "main"],
    ],
  ])("of %s", (language, text, error, frames) => {
    expect(foldTrace(text)).toEqual({ language, error, frames, depth: 2 });
  });

  it("lines that are none stay alone", () => {
    expect(foldTrace("first\nsecond at home\nthird")).toBeUndefined();
  });
});

describe("the kernel's log", () => {
  it.each([
    [
      "NVRM: Xid (PCI:0000:9b:00): 119, pid=2415, name=VLLM::EngineCore, Timeout after 6s",
      { kind: "xid", code: 119, pci: "0000:9b:00", pid: 2415, process: "VLLM::EngineCore", detail: "Timeout after 6s" },
    ],
    [
      "NVRM: Xid (PCI:0000:3B:00): 79, GPU has fallen off the bus.",
      { kind: "xid", code: 79, pci: "0000:3b:00", detail: "GPU has fallen off the bus." },
    ],
    [
      "NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.",
      { kind: "xid", pci: "0000:3b:00", detail: "GPU has fallen off the bus." },
    ],
    [
      "SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
      { kind: "sxid", code: 20034, pci: "0000:c1:00", fatal: true, link: 30 },
    ],
    [
      "Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB, anon-rss:2kB",
      { kind: "oom-kill", pid: 77, process: "python3", cgroup: true, anonRssBytes: 2048 },
    ],
    [
      "mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 5: be00",
      { kind: "machine-check", cpu: 3, bank: 5, corrected: false },
    ],
    ["EDAC MC0: 2 CE memory read error on CPU_SrcID#0", { kind: "edac", controller: "MC0", count: 2, corrected: true }],
    ["usb 1-1: new device", undefined],
    ["NVLink is fine", undefined],
  ])("%s", (text, event) => {
    expect(parseKernelLine(text)).toEqual(event);
  });
});

describe("statistics lines", () => {
  it("of vLLM", () => {
    const line =
      "Engine 000: Avg prompt throughput: 2399.8 tokens/s, Avg generation throughput: 18.1 tokens/s, Running: 10 reqs, Waiting: 90 reqs, GPU KV cache usage: 19.5%, Prefix cache hit rate: 50.0%";
    expect(parseEngineLine(line)).toEqual({
      engine: "vllm",
      kind: "interval",
      rank: "0",
      figures: {
        prompt_tokens_per_s: 2399.8,
        generation_tokens_per_s: 18.1,
        running_requests: 10,
        waiting_requests: 90,
        kv_usage_ratio: 0.195,
        prefix_hit_ratio: 0.5,
      },
    });
  });
  it("of SGLang", () => {
    const line =
      "Decode batch. #running-req: 7, #token: 1234, token usage: 0.25, gen throughput (token/s): 88.5, #queue-req: 2";
    expect(parseEngineLine(line)).toEqual({
      engine: "sglang",
      kind: "decode",
      figures: {
        running_requests: 7,
        waiting_requests: 2,
        used_tokens: 1234,
        kv_usage_ratio: 0.25,
        generation_tokens_per_s: 88.5,
      },
    });
  });
  it("of TGI", () => {
    const figures = parseEngineLine(
      'generate{total_time="1.5s" queue_time="250µs" time_per_token="20ms"}: Success',
    )?.figures;
    expect(figures?.total_s).toBe(1.5);
    expect(figures?.queue_s).toBeCloseTo(250e-6, 12);
    expect(figures?.per_token_s).toBeCloseTo(0.02, 12);
  });
});

describe("tests over counts", () => {
  it("binomial tails are sums of its terms", () => {
    expect(binomialUpper(8, 10, 0.5)).toBeCloseTo(56 / 1024, 12);
    expect(binomialLower(2, 10, 0.5)).toBeCloseTo(56 / 1024, 12);
    expect(binomialUpper(5, 10, 0.5) + binomialLower(4, 10, 0.5)).toBeCloseTo(1, 12);
  });
  it("the chi-squared tail has the quantiles of the tables", () => {
    expect(chiSquaredUpper(3.841458820694124, 1)).toBeCloseTo(0.05, 10);
    expect(chiSquaredUpper(18.307038053275146, 10)).toBeCloseTo(0.05, 10);
  });
  it("tells another mix from the same", () => {
    expect(mixTail([100, 50], [1000, 500])).toEqual({ g: expect.closeTo(0, 9), tail: expect.closeTo(1, 4) });
    expect(mixTail([50, 100], [1000, 500]).tail).toBeLessThan(1e-6);
  });
});
