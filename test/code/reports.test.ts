// Reports of static analysis: which file of the repository a finding is about, and that a broken report is looked at once.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { indexFiles } from "../../src/code/paths.ts";
import { openReports } from "../../src/code/reports.ts";
import { readReport } from "../../src/code/sarif.ts";
import { sayFinding } from "../../src/code/say.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

const keep = { load: async () => undefined, save: async () => {} };
/** A finding at each place, which says where its report has it. */
const log = (...places: readonly (readonly [uri: string, startLine: number])[]) => ({
  version: "2.1.0",
  runs: [
    {
      tool: { driver: { name: "lint" } },
      results: places.map(([uri, startLine]) => ({
        message: { text: `${uri}:${startLine}` },
        locations: [{ physicalLocation: { artifactLocation: { uri }, region: { startLine } } }],
      })),
    },
  ],
});

test("a finding is about the file it names, and not about one of the same name elsewhere", async () => {
  const reports = await openReports([], keep, silentTelemetry);
  await reports.take(
    log(
      ["tests/app.py", 7],
      ["app.py", 30],
      ["file:///ci/chat/tests/app.py", 8],
      ["./app.py", 9],
      ["chat/core/scheduler.py", 3],
      ["util.py", 1],
      ["gone.py", 1],
    ),
  );
  const files = ["app.py", "tests/app.py", "src/chat/core/scheduler.py", "a/util.py", "b/util.py"];
  const about = reports.about(indexFiles(files, ["src"]));
  const said = (file: string) => about(file, 8, 9).map(({ message }) => message);
  expect(said("app.py")).toEqual(["./app.py:9", "app.py:30"]);
  expect(said("tests/app.py")).toEqual(["file:///ci/chat/tests/app.py:8", "tests/app.py:7"]);
  expect(said("src/chat/core/scheduler.py")).toEqual(["chat/core/scheduler.py:3"]);
  expect([...said("a/util.py"), ...said("b/util.py"), ...said("gone.py")]).toEqual([]);
  expect(about("app.py", undefined, 1).map(({ line }) => line)).toEqual([30]);
});

test("a report is read again when its file changed, a broken one too, and not before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "homeostat-reports-"));
  const path = join(folder, "a.sarif");
  const good = JSON.stringify(log(["app.py", 1]));
  const write = (text: string, second: number): void => {
    writeFileSync(path, text);
    utimesSync(path, second, second);
  };
  const reports = await openReports([folder], keep, silentTelemetry);
  const findings = async (): Promise<number> => {
    await reports.refresh();
    return reports.about(indexFiles(["app.py"], []))("app.py", 1, 9).length;
  };
  // As long as the good one and of the same second: whoever reads it anyway finds what is in it.
  for (const broken of ["{".padEnd(good.length), "[]".padEnd(good.length)]) {
    write(broken, 1000);
    expect(await findings()).toBe(0);
    write(good, 1000);
    expect(await findings()).toBe(0);
    write(good, 1001);
    expect(await findings()).toBe(1);
  }
  rmSync(folder, { recursive: true });
});

test("nothing a report says turns the direction of a line or begins another, be it read now or kept by an older version", () => {
  const bad = "a\u202egpj\u2069.\u2028exe\u001b[2J";
  const plain = "a gpj . exe [2J";
  const read = readReport({
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: bad } },
        results: [
          {
            ruleId: bad,
            level: bad,
            message: { text: bad },
            locations: [{ physicalLocation: { artifactLocation: { uri: encodeURI(bad) } } }],
          },
        ],
      },
    ],
  });
  const finding = { tool: plain, rule: plain, level: plain, message: plain, file: plain, line: undefined };
  expect(read).toEqual({ ok: true, report: { tool: plain, findings: [finding], left: 0 } });
  const kept = { tool: bad, rule: bad, level: bad, message: bad, file: bad, line: 7 };
  expect(sayFinding(kept, (text) => text)).toBe(`${plain} (${plain}) says of ${plain}:7: ${plain}: ${plain}`);
});

test("what a report says at length is cut, and says so", () => {
  const long = "é😀".repeat(500);
  const kept = { tool: long, rule: long, level: long, message: long, file: long, line: 7 };
  const said = sayFinding(kept, (text) => text);
  expect(said.length).toBeLessThan(800);
  expect(said).not.toMatch(/\p{Cs}/u);
  expect(said.match(/…/g)).toHaveLength(5);
});
