// Configuration: sources, precedence, and every mistake with its place.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ConfigSources, formatMistakes, loadConfig } from "../../src/app/config.ts";
import { configJsonSchema } from "../../src/app/config-schema.ts";
import { receiveOptions } from "../../src/app/receive-options.ts";
import { storeOptions } from "../../src/app/store-options.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(text: string, more: Partial<ConfigSources> = {}) {
  const file = join(folder, "homeostat.yaml");
  writeFileSync(file, text);
  return loadConfig({ file, sets: [], env: {}, ...more });
}

function mistakes(text: string, more: Partial<ConfigSources> = {}): string {
  const loaded = load(text, more);
  return loaded.ok ? "" : formatMistakes(loaded.mistakes).replaceAll(folder, "");
}

describe("configuration", () => {
  test("an empty file gives the defaults: loopback, embedded store, observe only", () => {
    const loaded = load("");
    expect(loaded.ok && loaded.config.receive).toMatchObject({ host: "127.0.0.1", httpPort: 4318, grpcPort: 4317 });
    expect(loaded.ok && loaded.config.store.url).toBeUndefined();
    expect(loaded.ok && loaded.config.act.policies).toEqual([]);
  });

  test("retention: days, or forever; what is left out has its default", () => {
    const kept = (text: string) => {
      const loaded = load(text);
      return loaded.ok ? storeOptions(loaded.config, folder).retentionDays : loaded.mistakes;
    };
    expect(kept("store: { retentionDays: { metrics: forever, logs: 3 } }")).toEqual({
      traces: 7,
      logs: 3,
      rollups: 180,
      own: 400,
    });
    expect(mistakes("store: { retentionDays: { metrics: never } }")).toContain("neither a number above 0 nor forever");
  });

  test("tenants: names that can be databases, one kind of secret, certificates only with an authority", () => {
    const credential = (more: string): string => `receive:\n  credentials:\n    - { kind: bearer, ${more} }\n`;
    for (const name of ["A", "1a", "a-b", "a b", "a;", "x".repeat(33), ""])
      expect(mistakes(credential(`secret: long-enough, tenant: "${name}"`))).toContain("lower-case letter");
    expect(mistakes(credential("secret: long-enough, tenant: acme_1"))).toBe("");
    expect(mistakes(credential("tenant: acme"))).toContain("either secret or secretFile");
    expect(mistakes(credential("secret: long-enough, secretFile: f"))).toContain("either secret or secretFile");
    const tls = (more: string): string => `receive:\n  tls: { certFile: c, keyFile: k, ${more} }\n`;
    expect(mistakes(tls("clients: [{ subject: a, tenant: acme }]"))).toContain("clientCaFile");
    expect(mistakes(tls("clientCaFile: d, clients: [{ tenant: acme }]"))).toContain("subject or a fingerprint256");
    expect(mistakes(tls("clientCaFile: d, clients: [{ subject: a, tenant: acme }]"))).toBe("");
  });

  test("secrets and certificates are read from the files that are named", () => {
    const secretFile = join(folder, "secret");
    writeFileSync(secretFile, "from-the-file\n");
    const text = (file: string): string =>
      `receive:\n  credentials: [{ kind: bearer, secretFile: "${file}", tenant: acme }]\n  tenants: [{ name: acme, mibPerSecond: 2 }]\n`;
    const loaded = load(text(secretFile));
    const options = loaded.ok ? receiveOptions(loaded.config) : undefined;
    expect(options?.credentials).toEqual([{ kind: "bearer", secret: "from-the-file", tenant: "acme" }]);
    expect(options?.rates?.tenants).toEqual({ acme: { bytesPerSecond: 2 * 1024 * 1024 } });
    writeFileSync(secretFile, "short");
    const again = load(text(secretFile));
    expect(() => again.ok && receiveOptions(again.config)).toThrow(/secretFile: .* put a longer secret there/);
    const missing = load(text(join(folder, "nowhere")));
    expect(() => missing.ok && receiveOptions(missing.config)).toThrow(/cannot be read/);
  });

  test("file, then environment, then flags; later ones win", () => {
    const text = "store:\n  url: http://file:8123\n  database: from_file\nobserve:\n  step: 10s\n";
    const env = { HOMEOSTAT_STORE__URL: "http://env:8123", HOMEOSTAT_OBSERVE__RATE_WINDOW: "2m", OTHER: "x" };
    const loaded = load(text, { env, sets: ["store.url=http://flag:8123", "receive.httpPort=0"] });
    expect(loaded.ok && loaded.config.store.url).toBe("http://flag:8123");
    expect(loaded.ok && loaded.config.store.database).toBe("from_file");
    expect(loaded.ok && loaded.config.observe).toMatchObject({ step: 10_000, rateWindow: 120_000 });
    expect(loaded.ok && loaded.config.receive.httpPort).toBe(0);
  });

  test("all mistakes of a file are told, each with its line", () => {
    const text = "stroe: {}\nreceive:\n  httpPort: many\n  past: soon\nshow:\n  port: 99999\n";
    expect(mistakes(text).split("\n").toSorted()).toEqual([
      "/homeostat.yaml:1:8: stroe: is not a known key; remove it or correct its spelling",
      "/homeostat.yaml:3:13: receive.httpPort: Invalid input: expected number, received string",
      expect.stringContaining("/homeostat.yaml:4:9: receive.past: is not a duration"),
      expect.stringContaining("/homeostat.yaml:6:9: show.port: Too big"),
    ]);
  });

  test("a mistake in the environment or a flag names it, not a line of the file", () => {
    expect(mistakes("", { env: { HOMEOSTAT_SHOW__PORT: "x" } })).toContain(
      "environment HOMEOSTAT_SHOW__PORT: show.port",
    );
    expect(mistakes("", { sets: ["show.port=x"] })).toContain("--set show.port=x: show.port");
    expect(mistakes("", { sets: ["nonsense"] })).toContain("write it like store.url=");
  });

  test("broken YAML is told with its line", () => {
    expect(mistakes("store:\n  url: [1,\n")).toMatch(/homeostat\.yaml:\d+:\d+: /);
  });

  test.each([
    ["40 kB of open brackets", "[".repeat(40_000)],
    ["a 300 kB file", `# ${"x".repeat(300_000)}`],
    ["nested dashes", "- ".repeat(5000)],
    [
      "nested keys",
      Array.from({ length: 3000 }, (_, i) => `${" ".repeat(i)}a:`)
        .join("\n")
        .slice(0, 250_000),
    ],
    [
      "billion laughs",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghi"
        .split("")
        .map((k, i) => `${k}: &${k} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]`)
        .join("\n")}`,
    ],
  ])("%s is refused without harm", (_what, text) => {
    expect(mistakes(text)).not.toBe("");
  });

  test("secrets come from the environment by reference, and a missing one is told", () => {
    const text = 'receive:\n  credentials:\n    - { kind: bearer, secret: "${env:OTLP_TOKEN}" }\n';
    const loaded = load(text, { env: { OTLP_TOKEN: "a-long-token" } });
    expect(loaded.ok && loaded.config.receive.credentials[0]?.secret).toBe("a-long-token");
    const unset = "3:31: receive.credentials.0.secret: environment variable OTLP_TOKEN is not set";
    expect(mistakes(text)).toMatch(new RegExp(`^/homeostat.yaml:${unset}[^\n]*$`));
    const set = 'receive.credentials=[{"kind":"bearer","secret":"${env:OTLP_TOKEN}"}]';
    expect(mistakes("", { sets: [set] })).toMatch(
      /^--set receive\.credentials=\S+ receive\.credentials\.0\.secret: environment/,
    );
  });

  test("a list where settings should stand is no empty file", () => {
    expect(mistakes("- store: {}\n")).toContain("homeostat.yaml:1:1: is no mapping of settings");
    expect(mistakes("# nothing yet\n")).toBe("");
  });

  test("a webhook secret that could sign nothing is told with how to make one, and routes are not blamed for it", () => {
    const deliver = (secret: string, route = "a"): string =>
      `deliver:\n  receivers: [{ name: a, url: "https://a.example.com/", secret: "${secret}", classes: [page] }]\n  route: { receiver: ${route} }\n`;
    expect(mistakes(deliver(`whsec_${Buffer.alloc(32, 7).toString("base64")}`))).toBe("");
    expect(mistakes(deliver(`whsec_${Buffer.alloc(32, 7).toString("base64")}`, "b"))).toContain("deliver.route: ");
    for (const secret of ["short", "whsec_", "whsec_abc", `whsec_${"a".repeat(120)}`, `whsec_${"ä".repeat(24)}`])
      expect(mistakes(deliver(secret))).toMatch(
        /^\S+: deliver\.receivers\.0\.secret: must be whsec_ .*openssl rand[^\n]*$/,
      );
  });

  test("a signing token of GitLab's that anybody could sign with is told; other secrets may begin as they like", () => {
    const changes = (sender: string, secret: string): string => `changes:\n  ${sender}: { secret: ${secret} }\n`;
    const good = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    for (const secret of ["a secret token", good, `["a secret token", "${good}"]`])
      expect(mistakes(changes("gitlab", secret))).toBe("");
    for (const secret of ['"whsec_!!"', "whsec_AA==", "whsec_abcdef", `["${good}", "whsec_!!"]`]) {
      expect(mistakes(changes("gitlab", secret))).toMatch(
        /^\S+: changes\.gitlab\.secret: begins with whsec_ and is no signing token[^\n]*$/,
      );
      expect(mistakes(changes("mlflow", secret))).toBe("");
    }
    expect(mistakes(changes("gitlab", "short"))).toContain("changes.gitlab.secret: is shorter than 8 characters");
  });

  test("a policy for an action there is not, or a scrape target that is a URL, is told", () => {
    const policy = (action: string): string => `act:\n  policies: [{ action: "${action}", mode: auto }]\n`;
    for (const action of ["*", "rollback-*", "restart-replica"]) expect(mistakes(policy(action))).toBe("");
    for (const action of ["restart-replicaa", "roll", "x*"]) expect(mistakes(policy(action))).toContain("is no action");
    const target = (text: string): string => `scrape: [{ job: a, targets: ["${text}"] }]\n`;
    for (const text of ["vllm-0:8000", "[::1]:8000"]) expect(mistakes(target(text))).toBe("");
    expect(mistakes(target("http://vllm-0:8000/metrics"))).toContain("scrape.0.targets.0: is not host:port");
  });

  test("keys like __proto__ change nothing", () => {
    expect(mistakes("", { sets: ["__proto__.polluted=1"] })).not.toBe("");
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("a file that is not there is told by name", () => {
    const loaded = loadConfig({ file: join(folder, "absent.yaml"), sets: [], env: {} });
    expect(loaded.ok).toBe(false);
  });

  test("the JSON Schema knows every section", () => {
    expect(JSON.stringify(configJsonSchema())).toContain('"receive"');
  });
});
