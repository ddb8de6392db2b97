// The files to deploy with: pinned, checked for health, closed by default, and in step with the configuration's schema.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../src/app/config.ts";

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string };
  readonly environment?: Record<string, string>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: { readonly test: readonly string[] };
}
interface Compose {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const compose = parse(read("docker-compose.yml")) as Compose;
const services = Object.entries(compose.services);

describe("docker-compose.yml", () => {
  test.each(services)("%s is pinned to an exact version", (_name, { image }) => {
    expect(image).toMatch(/^[\w./-]+:\d+\.\d+\.\d+(\.\d+)?$/);
  });

  test.each(services)("%s is published on loopback only", (_name, { ports }) => {
    for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test.each(services)("%s says whether it is well", (name, { healthcheck, ports }) => {
    // The collector's image has nothing to run a check with: its health extension is published instead.
    if (name === "otel-collector") expect(ports).toContain("127.0.0.1:13133:13133");
    else expect(healthcheck!.test[0]).toBe("CMD");
  });

  test.each(services)("%s mounts what is there, and waits for what it needs until that is well", (_name, service) => {
    for (const volume of service.volumes ?? []) {
      const source = volume.split(":")[0]!;
      if (source.startsWith("./")) {
        expect(existsSync(join(root, source)), source).toBe(true);
        expect(volume).toMatch(/:ro$/);
      } else expect(Object.keys(compose.volumes)).toContain(source);
    }
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(condition).toBe("service_healthy");
      expect(compose.services[needed]!.healthcheck).toBeDefined();
    }
  });

  test("no secret stands in it: every one comes from the environment, with a default for one machine", () => {
    const secrets = services.flatMap(([, { environment }]) =>
      Object.entries(environment ?? {}).filter(([name]) => /PASSWORD|TOKEN|SECRET/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(5);
    for (const [name, value] of secrets) expect(value, name).toMatch(/^\$\{\w+:-local-[\w-]+\}$/);
  });

  test("every variable is explained", () => {
    const used = [...read("docker-compose.yml").matchAll(/\$\{(\w+)/g)].map((match) => match[1]!);
    for (const name of used) expect(read("docs/deploy/README.md"), name).toContain(`\`${name}\``);
  });
});

describe("the files it mounts", () => {
  const environment = (name: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(compose.services[name]!.environment ?? {}).map(([key, value]) => [
        key,
        value.replace(/^\$\{\w+:-(.*)\}$/, "$1"),
      ]),
    );

  test("homeostat.yaml is a configuration Homeostat takes, given the environment of its container", () => {
    const env = environment("homeostat");
    // Names with this prefix are settings themselves and would be refused as unknown.
    expect(Object.keys(env).filter((name) => name.startsWith("HOMEOSTAT_"))).toEqual([]);
    const loaded = loadConfig({ file: join(root, "docs/deploy/homeostat.yaml"), sets: [], env });
    expect(loaded).toMatchObject({
      ok: true,
      config: {
        store: { url: "http://clickhouse:8123", password: "local-clickhouse" },
        receive: { host: "0.0.0.0", credentials: [{ kind: "bearer", secret: env["RECEIVE_TOKEN"] }] },
        show: {
          host: "0.0.0.0",
          port: 7070,
          tokens: [{ secret: env["SHOW_OPERATOR_TOKEN"], roles: ["viewer", "operator"] }],
        },
      },
    });
  });

  test("the collector uses only what it defines and what its container is given, and sends where Homeostat listens", () => {
    type Section = Record<string, unknown>;
    const text = read("docs/deploy/otel-collector.yaml");
    const config = parse(text) as Record<"receivers" | "processors" | "exporters" | "extensions", Section> & {
      service: {
        extensions: string[];
        pipelines: Record<string, Record<"receivers" | "processors" | "exporters", string[]>>;
      };
    };
    expect(Object.keys(config.service.pipelines)).toEqual(["traces", "metrics", "logs"]);
    for (const pipeline of Object.values(config.service.pipelines)) {
      for (const kind of ["receivers", "processors", "exporters"] as const)
        for (const name of pipeline[kind]) expect(Object.keys(config[kind])).toContain(name);
    }
    for (const name of config.service.extensions) expect(Object.keys(config.extensions)).toContain(name);
    for (const [, name] of text.matchAll(/\$\{env:(\w+)\}/g))
      expect(environment("otel-collector")).toHaveProperty(name!);
    expect(config.exporters["otlp_http"]).toMatchObject({ endpoint: "http://homeostat:4318" });
    expect(environment("otel-collector")["RECEIVE_TOKEN"]).toBe(environment("homeostat")["RECEIVE_TOKEN"]);
  });

  test("Grafana finds its data source, as a user that can only read, and the dashboard", () => {
    const source = read("dashboards/provisioning/datasources/clickhouse.yaml");
    for (const [, name] of source.matchAll(/\$\{(\w+)\}/g)) expect(environment("grafana")).toHaveProperty(name!);
    const parsed = parse(source) as { datasources: { type: string; jsonData: Record<string, unknown> }[] };
    expect(parsed.datasources[0]).toMatchObject({
      type: "grafana-clickhouse-datasource",
      jsonData: { defaultDatabase: "homeostat", username: "${CLICKHOUSE_USER}" },
    });
    const user = environment("grafana")["CLICKHOUSE_USER"]!;
    const reader = read("docs/deploy/clickhouse/reader.xml");
    expect(reader).toContain(`<${user}>`);
    expect(reader).toContain("GRANT SELECT ON homeostat.*");
    expect(environment("clickhouse")).toHaveProperty(
      "GRAFANA_CLICKHOUSE_PASSWORD",
      environment("grafana")["CLICKHOUSE_PASSWORD"],
    );
    const provider = parse(read("dashboards/provisioning/dashboards/homeostat.yaml")) as {
      providers: { options: { path: string } }[];
    };
    const mounted = compose.services["grafana"]!.volumes!.map((volume) => volume.split(":")[1]);
    expect(mounted).toContain(`${provider.providers[0]!.options.path}/homeostat-overview.json`);
  });
});

describe("the Dockerfile", () => {
  test("stands on one exact version of Node, does not run as root, and copies what is there", () => {
    const text = read("Dockerfile");
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]!);
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:20\.\d+\.\d+-bookworm-slim$/);
    expect(text).toMatch(/^USER node$/m);
    const ignored = read(".dockerignore").split("\n");
    for (const [, list] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const source of list!.split(" ")) {
        expect(existsSync(join(root, source)), source).toBe(true);
        expect(ignored).not.toContain(source);
      }
    }
  });
});
