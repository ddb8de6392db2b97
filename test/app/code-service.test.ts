// A whole service: GitHub tells of a deployment, exceptions arrive over OTLP, a rule fires, and the diagnosis names the commit.
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { incident as command } from "../../src/app/commands/incident.ts";
import type { Diagnosis } from "../../src/model/incident.ts";
import { type Clone, hasGit, lines, makeClone, traceback } from "../code/clone.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const secret = "correct horse battery";
const rules = `
groups:
  - name: mine
    interval: 1s
    rules:
      - alert: Broken
        expr: vllm:num_requests_waiting > 50
        labels: { failure_mode: upgrade-regression }
`;
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const resource = { attributes: [attribute("service.name", "chat"), attribute("service.version", "2")] };
const trace = (request: string) =>
  traceback(
    `KeyError: '${request}'`,
    ["/srv/main.py", 3, "main"],
    ["/venv/site-packages/chat/scheduler.py", 120, "admit"],
  );

describe.skipIf(!hasGit)("a service with a repository", () => {
  const folder = temporaryFolder();
  let clone: Clone;
  let before: string;
  let after: string;
  let waiting = 1;
  const engine = createServer((_request, response) =>
    response.end(`vllm:num_requests_waiting{model_name="m"} ${waiting}\nvllm:num_requests_running{model_name="m"} 5\n`),
  );
  let service: Awaited<ReturnType<typeof serviceIn>>;

  beforeAll(async () => {
    clone = makeClone();
    before = clone.commit({ "src/chat/scheduler.py": lines(200) }, "First");
    after = clone.commit(
      { "src/chat/scheduler.py": lines(200, { 120: "changed" }) },
      "Admit *everything* <b>at once</b>",
    );
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const file = join(folder.path, "mine.yaml");
    writeFileSync(file, rules);
    const target = `127.0.0.1:${(engine.address() as { port: number }).port}`;
    service = await serviceIn(join(folder.path, "data"), {
      scrape: [{ job: "chat", interval: "500ms", timeout: "400ms", targets: [target] }],
      observe: { tick: "* * * * * *", step: "1s", lateness: "0s", idle: "5s" },
      rules: { files: [file], packs: [] },
      changes: { github: { secret }, actors: "keep" },
      code: { repositories: [{ service: "chat", path: clone.path }] },
    });
  });
  afterAll(async () => {
    await service?.[Symbol.asyncDispose]();
    await new Promise((resolve) => engine.close(resolve));
    clone?.remove();
    folder.remove();
  });

  async function deliver(deployment: object): Promise<Response> {
    const body = JSON.stringify({
      action: "created",
      deployment: { environment: "production", ref: "main", creator: { login: "octo" }, ...deployment },
      repository: { full_name: "org/chat", html_url: "https://git.example/org/chat", default_branch: "main" },
    });
    return await fetch(`${service.apiUrl}/api/v1/changes/github`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": "deployment",
        "x-github-delivery": "5d2e",
        "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
      },
      body,
    });
  }

  async function otlp(kind: "traces" | "logs", body: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${service.otlpUrl}/v1/${kind}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  }

  const nano = (at: number): string => `${Math.floor(at)}000000`;
  /** Spans with an exception event, as the OpenTelemetry SDKs record one. */
  const failed = (count: number, at: number) => {
    const spans = Array.from({ length: count }, (_, i) => ({
      traceId: (i + 1).toString(16).padStart(32, "0"),
      spanId: (i + 1).toString(16).padStart(16, "0"),
      name: "admit",
      kind: 1,
      startTimeUnixNano: nano(at - 5),
      endTimeUnixNano: nano(at),
      status: { code: 2 },
      events: [
        {
          timeUnixNano: nano(at),
          name: "exception",
          attributes: [
            attribute("exception.type", "KeyError"),
            attribute("exception.stacktrace", trace(`request-${i}`)),
          ],
        },
      ],
    }));
    return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
  };

  test("says in diagnosis and story which commit touched the line that fails", { timeout: 120_000 }, async () => {
    await until(async () => service.head.entities().find(({ kind }) => kind === "replica"));
    const now = Date.now();
    const first = { id: 1, sha: before, created_at: new Date(now - 3_000_000).toISOString() };
    expect((await deliver(first)).status).toBe(202);
    const second = { id: 2, sha: after, created_at: new Date(now - 1000).toISOString() };
    const answer = await deliver(second);
    expect(await answer.json()).toMatchObject({ outcome: "taken", detail: "deployment:chat" });
    expect(await (await deliver(second)).json()).toMatchObject({ outcome: "known" });
    const changes = await service.store.changes.within({ from: 0, to: now + 1000 });
    expect(changes).toHaveLength(2);
    expect(changes[1]).toMatchObject({
      kind: "deploy",
      target: "deployment:chat",
      by: "github:octo",
      before: { commit: before },
      after: { commit: after },
    });

    await otlp("traces", failed(7, Date.now()));
    const record = {
      timeUnixNano: nano(Date.now()),
      severityNumber: 17,
      body: { stringValue: `failed\n${trace("request-x")}` },
    };
    await otlp("logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] });
    await service.store.flushed();
    const stacks = await service.store.stacks.stacks({
      services: ["chat"],
      from: 0,
      since: now - 1000,
      to: now + 600_000,
      limit: 10,
    });
    // One failure, though each message names another request; a span and a log of the same are not added up.
    expect(stacks).toHaveLength(1);
    expect(stacks[0]).toMatchObject({ service: "chat", before: 0, after: 7 });
    expect(stacks[0]!.firstAt).toBeGreaterThanOrEqual(now);

    waiting = 100;
    const diagnosis = await until(async () => {
      const found: readonly Diagnosis[] = await service.store.records.list("diagnoses");
      return found.find(({ causes }) => causes[0]?.for.some(({ kind }) => kind === "code"));
    });
    const short = after.slice(0, 12);
    expect(diagnosis.causes[0]!.failureMode).toBe("upgrade-regression");
    expect(diagnosis.causes[0]!.for.find(({ kind }) => kind === "code")!.says).toContain(
      `commit ${short} "Admit *everything* <b>at once</b>" touched src/chat/scheduler.py:120, the frame at the top of the trace seen 7 times since`,
    );
    const told: string[] = [];
    const io = { out: (line: string) => void told.push(line), err: () => {} };
    expect(await command.run([diagnosis.incident, "--url", service.apiUrl], io)).toBe(0);
    expect(told.join("\n")).toContain(`commit ${short}`);
    const report: string[] = [];
    const marked = { out: (line: string) => void report.push(line), err: () => {} };
    expect(await command.run([diagnosis.incident, "--markdown", "--url", service.apiUrl], marked)).toBe(0);
    const text = report.join("\n");
    expect(text).toContain(`commit ${short}`);
    // Somebody's subject is no markup of ours.
    expect(text).not.toMatch(/<b>|[^\\]\*everything/);
    const status = (await (await fetch(`${service.apiUrl}/api/v1/status`)).json()) as {
      data: { service: { code: string } };
    };
    expect(status.data.service.code).toBe("ready");
  });
});
