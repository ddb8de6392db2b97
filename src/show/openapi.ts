// openapi.json, written from the routes and the schemas their handlers check by.
import { z } from "zod";
import type { Answer, Route } from "./route.ts";
import { type SchemaName, schemas } from "./schemas.ts";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of these routes. */
export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Homeostat",
      version,
      description: "What Homeostat found, thinks, did and advises. Errors are RFC 9457 problem documents.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "One of show.tokens. Not needed on loopback without tokens.",
        },
      },
    },
  };
}

function operation(route: Route): Json {
  const problems = ["400", "429", ...(route.needs === "public" ? [] : ["401", "403"])];
  if (route.path.includes(":id")) problems.push("404");
  if (route.body !== undefined || route.raw !== undefined) problems.push("413", "415");
  if (route.path.startsWith("/api/")) problems.push("503");
  if (route.conflicts === true) problems.push("404", "409");
  const responses: Record<string, Json> = {};
  if (route.foreign === true) {
    for (const status of ["400", "422", "503"]) {
      const content = { "application/json": { schema: ref("PrometheusError") } };
      responses[status] = { description: "What was wrong, as Prometheus says it.", content };
    }
  }
  for (const status of problems) {
    if (status in responses) continue;
    responses[status] = {
      description: "What was wrong and what to do.",
      content: { "application/problem+json": { schema: ref("Problem") } },
    };
  }
  for (const answer of route.answers) {
    const content = { [answer.contentType]: answer.schema === undefined ? {} : { schema: schemaOf(answer.schema) } };
    responses[answer.status] = { description: answer.says, content };
  }
  return {
    operationId: operationId(route),
    summary: route.summary,
    security: route.needs === "public" ? [] : [{ token: [] }],
    ...(route.needs === "public" ? {} : { "x-role": route.needs }),
    parameters: parametersOf(route),
    ...(route.raw === undefined ? {} : { requestBody: rawBody(route.raw) }),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body, route.bodyIs) }),
    responses,
  };
}

function parametersOf(route: Route): Json[] {
  const shape = z.toJSONSchema(route.parameters, { io: "input" }) as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  const query = Object.entries(shape.properties ?? {}).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: shape.required?.includes(name) ?? false,
    description,
    schema,
  }));
  if (!route.path.includes(":id")) return query;
  return [
    { name: "id", in: "path", required: true, schema: { type: "string", minLength: 1, maxLength: 200 } },
    ...query,
  ];
}

function bodyOf(name: SchemaName, is: Route["bodyIs"]): Json {
  const list = { type: "array", items: ref(name) };
  const either = { oneOf: [ref(name), { ...list, minItems: 1, maxItems: 100 }] };
  const schema = is === "one" ? ref(name) : is === "list" ? list : either;
  return { required: true, content: { "application/json": { schema } } };
}

function rawBody(bytesMax: number): Json {
  const description = `JSON of at most ${bytesMax / 1024} KiB, in the form its sender documents.`;
  return { required: true, description, content: { "application/json": { schema: { type: "object" } } } };
}

function schemaOf(schema: NonNullable<Answer["schema"]>): Json {
  if ("ref" in schema) return ref(schema.ref);
  if ("page" in schema) {
    return {
      type: "object",
      required: ["data"],
      properties: {
        data: { type: "array", items: ref(schema.page) },
        next: { type: "string", description: "Path and query of the next, older page; absent on the last one." },
      },
    };
  }
  const history = { type: "array", items: ref(schema.one), description: "Every entry about it, oldest first." };
  return {
    type: "object",
    required: ["data"],
    properties: { data: ref(schema.one), ...(schema.history === true ? { history } : {}) },
  };
}

function components(): Json {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
      return [name, rest];
    }),
  );
}

function operationId(route: Route): string {
  // Alertmanager's API is told apart by its version.
  const words = route.path.split(/[^\w]+/).filter((word) => word !== "" && word !== "api" && word !== "v1");
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
  return `${route.method}${name === "" ? "Page" : name}`;
}

function ref(name: SchemaName): Json {
  return { $ref: `#/components/schemas/${name}` };
}
