// Prometheus's own PromQL suite, where it lies beside the repository.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runScript } from "../../src/promql/script/run.ts";

const directory = fileURLToPath(new URL("../../../shared/data/promqltest", import.meta.url));
const present = existsSync(directory);

describe("Prometheus's suite", () => {
  it.skipIf(!present)("passes at least 99 % of the cases it judges (needs ../shared/data/promqltest)", async () => {
    const files = readdirSync(directory).filter((name) => name.endsWith(".test"));
    const reports = (
      await Promise.all(files.map((file) => runScript(file, readFileSync(join(directory, file), "utf8"))))
    ).flat();
    const judged = reports.filter((report) => report.outcome !== "skipped");
    const failed = judged.filter((report) => report.outcome === "failed");
    console.log(
      `promql suite: ${judged.length - failed.length} of ${judged.length} passed, ${reports.length - judged.length} set aside`,
    );
    expect(judged.length).toBeGreaterThan(300);
    expect(
      failed.length / judged.length,
      failed.map(({ name, reason }) => `${name}: ${reason}`).join("\n"),
    ).toBeLessThanOrEqual(0.01);
  });
});

describe("the script runner", () => {
  const outcomes = async (text: string): Promise<string[]> =>
    (await runScript("own.test", text)).map(({ outcome }) => outcome);

  it("passes what is right and fails what is wrong", async () => {
    const script = `
load 1m
  m{a="1"} 0+1x5
  m{a="2"} 5-1x5

# a comment
eval instant at 2m m
  m{a="1"} 2
  m{a="2"} 3

eval instant at 2m m
  m{a="1"} 2
  m{a="2"} 4

eval range from 0 to 2m step 1m sum(m)
  {} 5 5 5

eval range from 0 to 2m step 1m sum(m)
  {} 5 _ 5

eval instant at 0 1 + 1
  2

eval instant at 0 "text"
  expect string "text"

eval_ordered instant at 1m sort(m)
  m{a="1"} 1
  m{a="2"} 4

eval instant at 1m sort(m)
  expect ordered
  m{a="2"} 4
  m{a="1"} 1
`;
    expect(await outcomes(script)).toEqual([
      "passed",
      "failed",
      "passed",
      "failed",
      "passed",
      "passed",
      "passed",
      "failed",
    ]);
  });

  it("reads the points of a range vector, and fails a command it cannot read alone", async () => {
    const script = `
load 1m
  m 1 2 3
  n 1 2 3

eval instant at 2m m[90s]
  expect range vector from 1m to 2m step 1m
  m 2 3

eval instant at 2m m[90s]
  expect range vector from 1m to 2m step 1m
  m 2 4

eval instant at 2m m[2m30s]
  expect range vector from 1m to 2m step 1m
  m 2 3

eval instant at 2m m[90s]
  m 3

eval slowly at 2m m
  m 3

eval instant at 2m label_replace(-{__name__=~"m|n"}, "of", "$1", "__name__", "(.*)")
  {of="m"} -3
  {of="n"} -3
`;
    expect(await outcomes(script)).toEqual(["passed", "failed", "failed", "failed", "failed", "skipped"]);
  });

  it("judges failures and warnings", async () => {
    const script = `
load 1m
  m{a="1"} 1x5
  n{a="1"} 1x5

eval instant at 0 {a="1"} + 1
  expect fail msg: vector cannot contain metrics with the same labelset

eval instant at 0 {a="1"} + 1
  expect fail msg: something else

eval_fail instant at 0 m

eval instant at 5m rate(m[5m])
  expect info
  {a="1"} 0

eval instant at 5m rate(m[5m])
  expect no_info
  {a="1"} 0

clear

eval instant at 0 m
`;
    expect(await outcomes(script)).toEqual(["passed", "failed", "failed", "passed", "failed", "passed"]);
  });

  it("sets native histograms and experimental functions aside by what a case touches", async () => {
    const script = `
load_with_nhcb 1m
  h_bucket{le="1"} 1x5
  h_bucket{le="+Inf"} 1x5

load 1m
  g {{schema:0 sum:1 count:1}}x5

eval instant at 0 g

eval instant at 0 h

eval instant at 0 mad_over_time(h_bucket[5m])

eval instant at 0 count(h_bucket)
  {} 2
`;
    expect(await outcomes(script)).toEqual(["skipped", "skipped", "skipped", "passed"]);
  });

  it("reports a script it cannot read as a failed case", async () => {
    expect(await outcomes("frobnicate")).toEqual(["failed"]);
    expect(await outcomes("load 1m\n  m{a=} 1")).toEqual(["failed"]);
  });
});
