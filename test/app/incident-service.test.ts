// homeostat incident against a whole service and its real store: list, story, file, replay.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { incident as command } from "../../src/app/commands/incident.ts";
import { readBundle } from "../../src/app/incident/bundle.ts";
import { serviceThatScrapes, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
const page = 'vllm:num_requests_running{model_name="m"} 5\nvllm:kv_cache_usage_perc{model_name="m"} 0.99\n';
let service: Awaited<ReturnType<typeof serviceThatScrapes>>;
beforeAll(async () => {
  service = await serviceThatScrapes(folder.path, page);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  return { code: await command.run([...args, "--url", service.apiUrl], io), text: lines.join("\n") };
}

test("an incident of a running service is listed, told, and exported with its series", async () => {
  const entity = await until(async () => service.head.entities().find(({ kind }) => kind === "replica"));
  const seen = { name: "__name__", op: "=", value: "llm:kv_cache_usage_ratio" } as const;
  await until(async () => (await service.head.source.select([seen], { from: 0, to: Date.now() }))[0]?.length);
  const at = Date.now();
  const times = { onset: at - 1000, openedAt: at, updatedAt: at };
  const one = { id: "0123456789abcdef", state: "open", severity: "warning", title: "KV cache full" } as const;
  await service.store.records.put("incidents", [{ ...one, ...times, entities: [entity.id], symptoms: [] }]);
  expect((await run()).text).toMatch(/^0123456789abcdef .* KV cache full$/m);
  const { text } = await run(one.id);
  expect(text).toContain("nothing is diagnosed");
  expect(text).toContain("no change event ever came before");
  const file = join(folder.path, "bundle.json");
  expect((await run("export", one.id, file)).code).toBe(0);
  const bundle = readBundle(file);
  expect(bundle.left).toEqual([]);
  expect(bundle.entities.map(({ kind }) => kind)).toContain("replica");
  const kv = bundle.series.find(({ labels }) => labels["__name__"] === seen.value)!;
  expect(kv.values).toContain(0.99);
  // The scraped address is an address.
  expect(JSON.stringify(bundle)).not.toContain("127.0.0.1");
  expect(kv.labels["entity"]).toBe(bundle.incident.entities[0]);
  // Nothing was diagnosed then, and one gauge without a symptom is nothing now.
  expect((await run("replay", file)).code).toBe(0);
});
