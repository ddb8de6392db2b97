// A failing that may come of a change, and code evidence asked about it.
import { expect } from "vitest";
import { type Code, type CodeOptions, createCode } from "../../src/code/code.ts";
import { openReports } from "../../src/code/reports.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { CodeTouch } from "../../src/model/ports/code-history.ts";
import type { StackCount } from "../../src/model/ports/stack-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createMask } from "../../src/receive/privacy/redact-text.ts";
import { traceback } from "./clone.ts";

export const at = Date.parse("2026-03-01T12:00:00Z");
export const changedAt = at - 10 * 60_000;
export const firstAt = Date.parse("2026-03-01T12:03:00Z");
export const installed = "/usr/local/lib/python3.12/dist-packages/chat/core/scheduler.py";
const failing = traceback("KeyError: 'r1'", ["/srv/app/main.py", 3, "main"], [installed, 120, "admit"]);
export const stack = (more: Partial<StackCount> = {}): StackCount => ({
  service: "chat",
  text: failing,
  before: 0,
  after: 40,
  firstAt,
  ...more,
});
export const change = (
  before: Record<string, string>,
  after: Record<string, string>,
  target = "deployment:chat",
): ChangeEvent => ({
  id: `change-${JSON.stringify([before, after, target])}`,
  at: changedAt,
  kind: "deploy",
  target,
  summary: "new version",
  before,
  after,
});

export const versions = change({ version: "1.0.0" }, { version: "1.1.0" });

/** Code evidence of the clone at the path. */
export async function codeAt(
  path: string,
  stacks: readonly StackCount[],
  more: Partial<CodeOptions> & { sarif?: string[] } = {},
) {
  const { sarif = [], ...options } = more;
  const reports = await openReports(sarif, { load: async () => undefined, save: async () => {} }, silentTelemetry);
  return createCode(
    {
      git: "git",
      repositories: [{ services: ["chat"], path, tags: ["{version}", "v{version}"], roots: ["src"] }],
      ...options,
    },
    {
      stacks: { stacks: async () => stacks },
      reports,
      namesOf: (entity) => [entity.slice(entity.indexOf(":") + 1)],
      mask: createMask(),
      telemetry: silentTelemetry,
    },
  );
}

/** Asked once, and once more when it was looked up. */
export async function asked(
  code: Code,
  about: ChangeEvent,
  files: readonly string[] = [],
): Promise<readonly CodeTouch[] | undefined> {
  expect(code.touched({ change: about, at, files })).toBeUndefined();
  await code.idle();
  const touches = code.touched({ change: about, at, files });
  await code[Symbol.asyncDispose]();
  return touches;
}
