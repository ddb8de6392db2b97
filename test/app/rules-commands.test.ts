// homeostat rules: check, test, slo and backtest, as a user runs them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Io } from "../../src/app/command.ts";
import { rules } from "../../src/app/commands/rules.ts";
import { loadConfig } from "../../src/app/config.ts";
import { loadKnowledge } from "../../src/app/knowledge.ts";
import { storeOptions } from "../../src/app/store-options.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openStore } from "../../src/store/store.ts";
import { gauges } from "../store/batches.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-rules-"));
const at = (name: string): string => join(folder, name);
/** Young enough for the default retention. */
const begin = Math.floor(Date.now() / 3_600_000 - 3) * 3_600_000;
const minute = (i: number): string => new Date(begin + i * 60_000).toISOString();

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = { out: (line) => void out.push(line), err: (line) => void err.push(line) };
  return { code: await rules.run(args, io), out: out.join("\n"), err: err.join("\n") };
}

beforeAll(() => {
  mkdirSync(at("team"));
  writeFileSync(
    at("team/good.rules.yaml"),
    "groups: [{name: g, rules: [{alert: Deep, expr: queue > 5, for: 1m, annotations: {summary: '{{ $value }} wait'}}, {record: double, expr: queue * 2}]}]",
  );
  writeFileSync(
    at("team/bad.rules.yaml"),
    "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: rate(m)\n  - alert: B\n    expr: m > 1\n",
  );
  writeFileSync(
    at("team/chat.slo.yaml"),
    "slo:\n- name: chat\n  objective: 99%\n  sli: { bad: 'sum(rate(b[$window]))', total: 'sum(rate(t[$window]))' }\n",
  );
  writeFileSync(at("broken.yaml"), "groups:\n- name: 'g\n");
  writeFileSync(
    at("team/good.rules.test.yaml"),
    "rule_files: ['[a-g]ood.*s.yaml']\ntests: [{interval: 1m, input_series: [{series: queue, values: '9 9 9'}], alert_rule_test: [{eval_time: 2m, alertname: Deep, exp_alerts: [{exp_annotations: {summary: 9 wait}}]}]}]",
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("homeostat rules check", () => {
  it("says what is taken and what is not, with places, and reads on after a bad file", async () => {
    const { code, out } = await run(["check", at("broken.yaml"), at("team"), at("none.yaml")]);
    expect(code).toBe(1);
    expect(out).toMatch(/broken\.yaml:3:\d+: .*\n.*broken\.yaml: not read/);
    expect(out).toMatch(/bad\.rules\.yaml:5:16: expr: argument 1 of rate must be a range vector/);
    expect(out).toContain(`${at("team/bad.rules.yaml")}: 1 rule taken, 1 refused`);
    expect(out).toContain(`${at("team/good.rules.yaml")}: 2 rules taken`);
    expect(out).toMatch(/chat\.slo\.yaml: \d+ rules taken$/m);
    expect(out).toContain("none.yaml: there is no such file; name a file");
  });

  it("gives one JSON document", async () => {
    const { code, out } = await run(["check", at("team/bad.rules.yaml"), "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      accepted: 1,
      refused: 1,
      files: [{ read: true, accepted: 1, refused: 1, mistakes: [{ line: 5, column: 16 }] }],
    });
    expect(JSON.parse((await run(["check", at("broken.yaml"), "--json"])).out)).toMatchObject({
      accepted: 0,
      files: [{ read: false, accepted: 0, refused: 0 }],
    });
    expect((await run(["check", at("team/good.rules.yaml"), "--json"])).code).toBe(0);
  });

  it("reads all YAML but tests of a folder whose files have Prometheus's usual names", async () => {
    mkdirSync(at("plain"));
    writeFileSync(at("plain/node.yml"), "groups: [{name: g, rules: [{alert: A, expr: m}]}]");
    writeFileSync(at("plain/node_test.yml"), "tests: []");
    const { code, out } = await run(["check", at("plain")]);
    expect([code, out]).toEqual([0, `${at("plain/node.yml")}: 1 rule taken`]);
  });

  it("is not misused in silence", async () => {
    await expect(run(["check"])).rejects.toThrow("name a file");
    await expect(run(["chek"])).rejects.toThrow('there is no "chek"');
    await expect(run([])).rejects.toThrow("check, test, slo, backtest");
  });
});

describe("homeostat rules test", () => {
  it("runs promtool's unit tests, and names alerts that no test sees firing", async () => {
    const good = await run(["test", at("team/good.rules.test.yaml")]);
    expect(good).toMatchObject({ code: 0, out: `${at("team/good.rules.test.yaml")}: 1 checks, 0 failures` });
    writeFileSync(at("silent.test.yaml"), "rule_files: [team/good.rules.yaml]\ntests: []");
    expect((await run(["test", at("silent.test.yaml")])).out).toContain("no test sees these alerts fire: Deep");
    writeFileSync(at("wrong.test.yaml"), "rule_files: [team/no.yaml]");
    const wrong = await run(["test", at("wrong.test.yaml"), "--json"]);
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.out)).toMatchObject({
      ok: false,
      files: [{ failures: [expect.stringContaining("ENOENT")] }],
    });
    await expect(run(["test", at("none.test.yaml")])).rejects.toThrow("cannot be read");
  });
});

describe("homeostat rules slo", () => {
  it("prints a rule file that check takes", async () => {
    const { code, out } = await run(["slo", at("team/chat.slo.yaml")]);
    expect(code).toBe(0);
    writeFileSync(at("made.rules.yaml"), out);
    expect((await run(["check", at("made.rules.yaml")])).code).toBe(0);
    expect(out).toContain("# Generated by: homeostat rules slo chat.slo.yaml");
    expect((await run(["slo", at("team/good.rules.yaml")])).err).toContain("the file has no slo");
  });

  it("is not needed for objectives in a folder of the configuration", () => {
    rmSync(at("team/bad.rules.yaml"));
    const loaded = loadConfig({ sets: [`rules.files=["${at("team")}"]`], env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    const { ruleFiles, mistakes } = loadKnowledge(loaded.config);
    expect(mistakes).toEqual([]);
    const alerts = ruleFiles.flatMap(({ groups }) => groups.flatMap((group) => group.rules.map(({ name }) => name)));
    expect(alerts).toEqual(expect.arrayContaining(["Deep", "SloBudgetBurnsFast"]));
  });
});

describe("homeostat rules backtest", () => {
  const data = at("data");
  const range = ["--from", minute(0), "--to", minute(20)];

  beforeAll(async () => {
    const loaded = loadConfig({ sets: [`dataDirectory=${data}`], env: {} });
    if (!loaded.ok) throw new Error("the configuration has mistakes");
    const store = await openStore({ ...storeOptions(loaded.config, data), retentionDays: {} }, silentTelemetry);
    const minutes = Array.from({ length: 20 }, (_, i) => i);
    // Deep from minute 5 to 9 and from minute 17 on.
    for (const i of minutes) {
      await store.journal.append([
        gauges([{ hash: 1n, metric: "queue", at: begin + i * 60_000, value: (i >= 5 && i < 10) || i >= 17 ? 9 : 1 }]),
      ]);
    }
    await store[Symbol.asyncDispose]();
  });

  it("says when each alert would have fired, and for how long", async () => {
    const { code, out } = await run(["backtest", at("team/good.rules.yaml"), ...range, "--data", data]);
    const [first, second] = out.split("\n");
    expect(first).toContain(`${minute(6)} Deep {`);
    expect(first).toContain(`for 4m, pending since ${minute(5)}: 9 wait`);
    expect(second).toContain(`${minute(18)} Deep {`);
    expect(second).toContain("for 2m and on");
    expect(out).toContain("2 firings of 1 alerts in 20m");
    expect(code).toBe(0);
  });

  it("gives one JSON document, and refuses times it cannot read", async () => {
    const { out } = await run(["backtest", at("team/good.rules.yaml"), ...range, "--data", data, "--json"]);
    expect(JSON.parse(out)).toMatchObject({ firings: [{ alert: "Deep" }, { endedAt: null }], failures: [] });
    await expect(run(["backtest", "x", "--from", "noon"])).rejects.toThrow('--from: "noon" is no time');
    await expect(run(["backtest", "x"])).rejects.toThrow("say from when");
  });
});
