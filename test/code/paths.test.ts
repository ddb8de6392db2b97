// Which file of a repository a path of a trace is, and what traces of each language say of places.
import { describe, expect, test } from "vitest";
import { failingPlaces } from "../../src/code/frames.ts";
import { indexFiles } from "../../src/code/paths.ts";
import { parseTrace } from "../../src/model/stack.ts";
import { traceback } from "./clone.ts";

const index = indexFiles(
  [
    "src/chat/core/scheduler.py",
    "src/chat/__init__.py",
    "server.py",
    "web/src/app.ts",
    "web/lib/app.ts",
    "jvm/src/main/java/com/example/Batcher.java",
    "cmd/server/main.go",
    "csrc/attention.cu",
    "a/util.py",
    "b/util.py",
  ],
  ["src", "web/src"],
);

test.each([
  ["/usr/lib/python3/dist-packages/chat/core/scheduler.py", "src/chat/core/scheduler.py"],
  ["/build/src/chat/core/scheduler.py", "src/chat/core/scheduler.py"],
  ["chat/core/scheduler.py", "src/chat/core/scheduler.py"],
  ["core/scheduler.py", "src/chat/core/scheduler.py"],
  ["/app/server.py", "server.py"],
  ["/usr/lib/python3/dist-packages/uvicorn/server.py", undefined],
  ["/usr/lib/python3/dist-packages/other/core/scheduler.py", undefined],
  ["/usr/lib/python3/dist-packages/other/__init__.py", undefined],
  ["com/example/Batcher.java", "jvm/src/main/java/com/example/Batcher.java"],
  ["/home/ci/cmd/server/main.go", "cmd/server/main.go"],
  ["../csrc/attention.cu", "csrc/attention.cu"],
  ["C:\\ci\\csrc\\attention.cu", "csrc/attention.cu"],
  ["util.py", undefined],
  ["/x/b/util.py", "b/util.py"],
  ["/x/web/lib/app.ts", "web/lib/app.ts"],
  ["", undefined],
])("%s is %s", (path, file) => expect(index.fileOf(path)).toBe(file));

describe("places in traces", () => {
  test.each([
    [
      "python",
      traceback("E: x", ["/a.py", 3, "f"], ["/b.py", 4, "g"]),
      [
        ["/b.py", 4],
        ["/a.py", 3],
      ],
    ],
    [
      "java",
      "x.E: no\n\tat com.example.Batcher.step(Batcher.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:1)",
      [
        ["com/example/Batcher.java", 12],
        ["java/lang/Thread.java", 1],
      ],
    ],
    [
      "go",
      "panic: no\n\ngoroutine 1 [running]:\nmain.step(0x1)\n\t/x/cmd/main.go:9 +0x1d\nmain.main()\n\t/x/cmd/main.go:20 +0x1",
      [
        ["/x/cmd/main.go", 9],
        ["/x/cmd/main.go", 20],
      ],
    ],
    [
      "javascript",
      "TypeError: no\n    at step (file:///app/dist/x.js:10:5)\n    at /app/y.js:2:1",
      [
        ["/app/dist/x.js", 10],
        ["/app/y.js", 2],
      ],
    ],
    [
      "c++",
      "error\n#0 0x00007f in at::step (x=1) at /x/csrc/attention.cu:77\n#1 0x00007f in main () at /x/main.cpp:5",
      [
        ["/x/csrc/attention.cu", 77],
        ["/x/main.cpp", 5],
      ],
    ],
  ])("%s", (language, text, places) => {
    const trace = parseTrace(text);
    expect(trace?.language).toBe(language);
    expect(trace?.frames.map(({ file, line }) => [file, line])).toEqual(places);
  });

  test("are counted once a trace, however deep the recursion, the innermost of ours first", () => {
    const text = traceback(
      "E: x",
      ["/app/server.py", 1, "a"],
      ["/app/server.py", 1, "a"],
      ["/app/server.py", 9, "b"],
      ["/usr/lib/x.py", 2, "c"],
    );
    const stack = { service: "s", text, before: 0, after: 3, firstAt: 5 };
    const found = failingPlaces([stack, { ...stack, after: 2, firstAt: 4 }], index, 3);
    expect(found).toEqual([
      { file: "server.py", line: 9, top: true, seen: 5, firstAt: 4, error: "E: x" },
      { file: "server.py", line: 1, top: false, seen: 5, firstAt: 4, error: "E: x" },
    ]);
  });
});
