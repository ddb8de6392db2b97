// openapi.json against the server it describes: every route is in it, and everything in it answers as it says.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { routes } from "../../src/show/routes.ts";
import { type SchemaName, schemas } from "../../src/show/schemas.ts";
import { bodies, headersOf, now, openWorld, postJson, type World } from "./kit.ts";
import { document, exampleQuery, operations } from "./operations.ts";
import { samples } from "./samples.ts";

const foreign = new Set(
  routes.filter((route) => route.foreign === true).map((route) => route.path.replace(":id", "{id}")),
);
const ids: Record<string, string> = {
  signals: "replica:vllm-2/ttft",
  anomalies: "anomaly-1",
  alerts: "alert-1",
  findings: "finding-1",
  incidents: "incident-1",
  diagnoses: "diagnosis-1",
  actions: "action-1",
  recommendations: "recommendation-1",
  changes: "change-1",
  feedback: "feedback-1",
  deliveries: "delivery-1",
};

describe("openapi.json", () => {
  let world: World;
  beforeAll(async () => {
    const signals = [{ entity: "replica:vllm-2", signal: "ttft", at: now, value: Number.NaN, quality: 2 } as const];
    world = await openWorld({ kept: samples(), signals });
    const silence = { matchers: [{ name: "a", op: "=", value: "b" }], startsAt: now, endsAt: now + 1000 } as const;
    world.deps.alerting.silences.add({ ...silence, comment: "c", createdBy: "me" }, now);
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  test("is what the server gives", async () => {
    expect(await (await world.get("/openapi.json")).json()).toEqual(JSON.parse(JSON.stringify(document)));
    expect(document.openapi).toBe("3.1.0");
  });

  test("has every route, and names each operation once", () => {
    const listed = operations.map(([method, path]) => `${method} ${path.replace("{id}", ":id")}`);
    expect(listed.toSorted()).toEqual(routes.map((route) => `${route.method.toUpperCase()} ${route.path}`).toSorted());
    expect(new Set(operations.map(([, , operation]) => operation.operationId)).size).toBe(operations.length);
  });

  test("refers to nothing that is not there", () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(refs.length).toBeGreaterThan(20);
    for (const ref of refs) expect(Object.keys(document.components.schemas)).toContain(ref.split("/").at(-1));
    expect(JSON.stringify(document)).not.toContain("#/$defs");
  });

  test.each(operations)("%s %s answers as documented", async (method, path, operation) => {
    const kind = path.split("/")[3] ?? "";
    const { silences } = world.deps.alerting;
    const id = kind.startsWith("silence") ? silences.list()[0]?.id : ids[kind];
    const real = path.replace("{id}", encodeURIComponent(id ?? "x")) + exampleQuery(operation);
    const answer = await world.get(
      real,
      method === "POST" ? postJson(bodies[path] ?? {}, headersOf[path]) : { method },
    );
    const documented = operation.responses[answer.status];
    expect(answer.status).toBeLessThan(300);
    expect(documented).toBeDefined();
    const type = answer.headers.get("content-type")!.split(";")[0]!;
    expect(Object.keys(documented!.content)).toEqual([type]);
    if (type === "text/event-stream") return void (await answer.body!.cancel());
    const { schema } = documented!.content[type]!;
    if (schema === undefined) return;
    // The document's own schema judges the answer.
    const whole = { ...schema, $defs: document.components.schemas };
    const asDefs = JSON.parse(JSON.stringify(whole).replaceAll("#/components/schemas/", "#/$defs/"));
    const judged = z.fromJSONSchema(asDefs).safeParse(await answer.json());
    expect(judged.error?.issues ?? []).toEqual([]);
  });

  test.each(operations.filter(([, path]) => !foreign.has(path)))(
    "%s %s refuses what it does not document, with a problem as documented",
    async (method, path, operation) => {
      const known = operation.parameters
        .filter((parameter) => parameter.in === "query")
        .map((parameter) => parameter.name);
      expect(known).not.toContain("surprise");
      const real = `${path.replace("{id}", "x")}?surprise=1`;
      const answer = await world.get(real, method === "POST" ? postJson({}) : { method });
      expect(answer.status).toBe(400);
      expect(operation.responses["400"]).toBeDefined();
      expect(schemas.Problem.safeParse(await answer.json()).success).toBe(true);
    },
  );

  test("knows every member the records have", () => {
    // Strict twins of the schemas: a member the model has and the document lacks would be refused.
    const named: Record<string, SchemaName> = {
      anomalies: "Anomaly",
      alerts: "Alert",
      findings: "LogFinding",
      incidents: "Incident",
      diagnoses: "Diagnosis",
      actions: "LedgerEntry",
      recommendations: "Recommendation",
      changes: "Change",
    };
    for (const [kind, name] of Object.entries(named)) {
      const strict = (schemas[name] as z.ZodObject).strict();
      for (const record of samples()[kind as "alerts"]!) {
        expect(strict.safeParse(JSON.parse(JSON.stringify(record))).error?.issues ?? []).toEqual([]);
      }
    }
    const strict = z.union(schemas.Feedback.options.map((one) => one.strict()));
    for (const record of samples().feedback!) expect(strict.safeParse(record).error?.issues ?? []).toEqual([]);
  });
});
