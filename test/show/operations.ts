// Every operation of the document, and how to ask for it.
import { openApi } from "../../src/show/openapi.ts";
import { routes } from "../../src/show/routes.ts";

export interface Operation {
  readonly operationId: string;
  readonly security: readonly unknown[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: { readonly examples?: readonly string[] };
  }[];
  readonly requestBody?: object;
  readonly responses: Record<string, { content: Record<string, { schema?: object }> }>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

export const document = openApi(routes, "1.2.3") as unknown as Document;

export const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
);

/** The required query parameters with their examples, or nothing. */
export function exampleQuery(operation: Operation): string {
  const query = new URLSearchParams();
  for (const { name, in: place, required, schema } of operation.parameters) {
    if (place === "query" && required) query.set(name, schema.examples?.[0] ?? "");
  }
  return query.size === 0 ? "" : `?${query}`;
}

export function operationOf(method: string, path: string): Operation {
  return document.paths[path.replace(":id", "{id}")]![method.toLowerCase()]!;
}
