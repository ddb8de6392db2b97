// Code evidence over a real repository: which commit between two versions touched what fails.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCode } from "../../src/code/code.ts";
import { createGit } from "../../src/code/git.ts";
import { openReports } from "../../src/code/reports.ts";
import { createRepository } from "../../src/code/repository.ts";
import type { StackCount } from "../../src/model/ports/stack-source.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { asked, at, change, changedAt, codeAt, firstAt, installed, stack, versions } from "./ask.ts";
import { type Clone, hasGit, lines, makeClone, traceback } from "./clone.ts";

describe.skipIf(!hasGit)("code evidence", () => {
  let clone: Clone;
  let admitted: string;
  let tidied: string;
  beforeAll(() => {
    clone = makeClone();
    clone.commit(
      {
        "src/chat/core/scheduler.py": lines(200),
        "src/chat/io.py": lines(50),
        "deploy/values.yaml": "a: 1\n",
        "tools/run.py": lines(9),
      },
      "First",
    );
    clone.tag("v1.0.0");
    admitted = clone.commit(
      { "src/chat/core/scheduler.py": lines(200, { 120: "admit everything" }) },
      "Admit more, password=hunter2hunter2 \u001b[31m[x](http://evil)",
    );
    tidied = clone.commit({ "src/chat/io.py": lines(50, { 2: "tidy" }), "deploy/values.yaml": "a: 2\n" }, "Tidy io");
    clone.tag("v1.1.0");
  });
  afterAll(() => clone.remove());

  const codeOf = (
    stacks: readonly StackCount[],
    { path = clone.path, ...more }: Parameters<typeof codeAt>[2] & { path?: string } = {},
  ) => codeAt(path, stacks, more);

  test("the commit that touched the line of the frame is told, with how often and since when it fails", async () => {
    const touches = await asked(await codeOf([stack()]), versions);
    expect(touches).toEqual([
      {
        what: "line",
        file: "src/chat/core/scheduler.py",
        line: 120,
        commit: admitted,
        at: firstAt,
        says: expect.stringContaining(
          "touched src/chat/core/scheduler.py:120, the frame at the top of the trace seen 40 times since 12:03 UTC",
        ),
        findings: [],
      },
    ]);
    expect(touches![0]!.says).toMatch(new RegExp(`^commit ${admitted.slice(0, 12)} "Admit more, `));
  });

  test("a subject is somebody's text: secrets and control characters are not passed on", async () => {
    const touches = await asked(await codeOf([stack()]), versions);
    for (const bad of ["hunter2", "\u001b"]) expect(touches![0]!.says).not.toContain(bad);
  });

  test("a file that changed elsewhere counts as its file; a frame of a file that did not change counts nothing", async () => {
    const elsewhere = traceback("E: x", ["/x/chat/io.py", 40, "read"], ["/x/chat/core/scheduler.py", 20, "step"]);
    const touches = await asked(await codeOf([stack({ text: elsewhere })]), versions);
    expect(touches!.map(({ what, file, line, commit }) => ({ what, file, line, commit }))).toEqual([
      { what: "file", file: "src/chat/core/scheduler.py", line: 20, commit: admitted },
      { what: "file", file: "src/chat/io.py", line: 40, commit: tidied },
    ]);
    const untouched = await asked(
      await codeOf([stack({ text: traceback("E: x", ["/lib/other.py", 1, "f"]) })]),
      versions,
    );
    // A trace of nobody's code here says nothing, not that nothing was touched.
    expect(untouched).toBeUndefined();
    const commits = change({ commit: admitted }, { commit: tidied });
    expect(await asked(await codeOf([stack()]), commits)).toEqual([]);
  });

  test("what failed as often before the change is not because of it", async () => {
    expect(await asked(await codeOf([stack({ before: 39 })]), versions)).toBeUndefined();
    expect(await asked(await codeOf([stack({ before: 10 })]), versions)).toHaveLength(1);
  });

  test("files that a firing rule names", async () => {
    const touches = await asked(await codeOf([]), versions, ["deploy", "src/chat/none.py"]);
    expect(touches).toMatchObject([{ what: "file", file: "deploy/values.yaml", commit: tidied, at: changedAt }]);
    expect(touches![0]!.says).toContain("which the firing rule is about");
    expect(await asked(await codeOf([]), versions, ["docs"])).toEqual([]);
  });

  test("commits, abbreviated commits, tags, image tags and GitOps revisions name the versions", async () => {
    const { path } = clone;
    const repository = createRepository(createGit(path, new AbortController().signal, "git"), [
      "{version}",
      "v{version}",
    ]);
    for (const facts of [
      { version: "1.1.0" },
      { "service.version": "v1.1.0" },
      { commit: tidied },
      { commit: tidied.slice(0, 9) },
      { commit: `main@sha1:${tidied}` },
      { image: `registry:5000/chat/server:v1.1.0@sha256:${"0".repeat(64)}` },
      { images: `r/side:9 r/chat:git-${tidied.slice(0, 8)}` },
      { commit: "f".repeat(40), version: "1.1.0" },
    ])
      expect([facts, await repository.commitOf(facts)]).toEqual([facts, tidied]);
    for (const facts of [{}, { version: "9.9.9" }, { version: "main" }, { version: "HEAD" }, { commit: "zz" }])
      expect([facts, await repository.commitOf(facts)]).toEqual([facts, undefined]);
  });

  test("a way back to an older version is unknown where its files differ, and no evidence against the change", async () => {
    const back = change({ version: "1.1.0" }, { version: "1.0.0" });
    expect(await asked(await codeOf([stack()]), back)).toBeUndefined();
    expect(await asked(await codeOf([]), back, ["deploy"])).toBeUndefined();
    expect(await asked(await codeOf([]), back, ["docs"])).toEqual([]);
    // Nor does it stay one when the code that differs begins to fail.
    const stacks = [stack({ text: traceback("E: x", ["/x/tools/run.py", 3, "main"]) })];
    const code = await codeOf(stacks);
    const ask = (when: number) => code.touched({ change: back, at: when, files: [] });
    ask(at);
    await code.idle();
    expect(ask(at)).toEqual([]);
    stacks.push(stack());
    ask(at + 60_000);
    await code.idle();
    expect(ask(at + 60_000)).toBeUndefined();
    await code[Symbol.asyncDispose]();
  });

  test("the frame whose line was touched is found behind many of whose files only others were", async () => {
    const near = Array.from({ length: 9 }, (_, i) => [installed, 10 * (i + 1), "step"] as const);
    const often = stack({ text: traceback("E: x", ...near) });
    const seldom = stack({ text: traceback("E: x", [installed, 120, "admit"], near.at(-1)!), after: 5 });
    const touches = await asked(await codeOf([often, seldom]), versions);
    expect(touches).toHaveLength(8);
    expect(touches![0]).toMatchObject({ what: "line", line: 120, commit: admitted });
    expect(touches!.slice(1).every(({ what }) => what === "file")).toBe(true);
  });

  test("what stands in the way is said: no git, no repository, no such version", async () => {
    const noGit = await codeOf([stack()], { git: "no-such-git" });
    expect(await asked(noGit, versions)).toBeUndefined();
    expect(noGit.trouble()).toMatch(/no-such-git.*install git/);
    const empty = join(clone.path, "..");
    const noClone = await codeOf([stack()], { path: empty });
    expect(await asked(noClone, versions)).toBeUndefined();
    expect(noClone.trouble()).toMatch(/is no git repository/);
    const early = await codeOf([], { path: empty });
    await early.idle();
    expect(early.trouble()).toMatch(/is no git repository/);
    const gone = await codeOf([stack()], { path: join(clone.path, "nowhere") });
    expect(await asked(gone, versions)).toBeUndefined();
    expect(gone.trouble()).toMatch(/is no git repository/);
    const noVersion = await codeOf([stack()]);
    expect(await asked(noVersion, change({ version: "1.0.0" }, { version: "7.0.0" }))).toBeUndefined();
    expect(noVersion.trouble()).toMatch(/version after/);
  });

  test("a clone that is configured to run programs runs none", async () => {
    const hostile = makeClone();
    const mark = join(hostile.path, "ran");
    const program = join(hostile.path, "program");
    writeFileSync(program, `#!/bin/sh\ntouch ${mark}\ncat "$1" 2>/dev/null\n`, { mode: 0o755 });
    hostile.commit({ "src/chat/core/scheduler.py": lines(200), ".gitattributes": "*.py diff=evil\n" }, "First");
    hostile.tag("v1.0.0");
    hostile.commit({ "src/chat/core/scheduler.py": lines(200, { 120: "x" }) }, "Second");
    hostile.tag("v1.1.0");
    const evil = [
      "core.fsmonitor",
      "core.pager",
      "diff.external",
      "diff.evil.textconv",
      "diff.evil.command",
      "gpg.program",
    ];
    for (const key of evil) hostile.configure(key, program);
    hostile.configure("log.showSignature", "true");
    expect(await asked(await codeOf([stack()], { path: hostile.path }), versions)).toHaveLength(1);
    expect(existsSync(mark)).toBe(false);
    hostile.remove();
  });

  test("an application without a repository, and a change of no versions, are not looked up", async () => {
    const code = await codeOf([stack()]);
    expect(code.touched({ change: change({}, {}, "deployment:other"), at, files: [] })).toBeUndefined();
    expect(await asked(code, change({}, {}))).toBeUndefined();
  });

  test("what static analysis says of the file stands beside it; a report that is none spoils nothing", async () => {
    const folder = join(clone.path, "reports");
    mkdirSync(folder);
    const result = (uri: string, startLine: number, text: string) => ({
      ruleId: "E1",
      level: "error",
      message: { text },
      locations: [{ physicalLocation: { artifactLocation: { uri }, region: { startLine } } }],
    });
    const results = [
      result("src/chat/core/scheduler.py", 3, "far away"),
      result("file:///ci/src/chat/core/scheduler.py", 121, "may be None, api_key=abcdef0123456789abcdef"),
      result("src/chat/io.py", 1, "another file"),
      { message: 7 },
    ];
    const log = { version: "2.1.0", runs: [{ tool: { driver: { name: "lint" } }, results }] };
    writeFileSync(join(folder, "a.sarif"), JSON.stringify(log));
    writeFileSync(join(folder, "broken.sarif"), "{");
    const touches = await asked(await codeOf([stack()], { sarif: [folder, join(folder, "nowhere")] }), versions);
    expect(touches![0]!.findings).toEqual([
      expect.stringMatching(/^lint \(error\) says of .*scheduler.py:121: E1: may be None, api_key=\[secret\]$/),
      "lint (error) says of src/chat/core/scheduler.py:3: E1: far away",
    ]);
    const reports = await openReports([], { load: async () => undefined, save: async () => {} }, silentTelemetry);
    expect(await reports.take(log)).toEqual({ kind: "kept", tool: "lint", findings: 3, left: 1 });
    expect(await reports.take({ version: "1.0", runs: [] })).toMatchObject({ kind: "wrong", place: "version" });
    expect(await reports.take([])).toMatchObject({ kind: "wrong" });
  });

  test("an answer is looked up anew while traces keep coming, and never on the asker's time", async () => {
    let seen = 1;
    const reports = await openReports([], { load: async () => undefined, save: async () => {} }, silentTelemetry);
    let lookUps = 0;
    const code = createCode(
      { git: "git", repositories: [{ services: ["chat"], path: clone.path, tags: ["v{version}"], roots: ["src"] }] },
      {
        stacks: {
          stacks: async () => {
            lookUps++;
            return [stack({ after: seen })];
          },
        },
        reports,
        namesOf: () => ["chat"],
        mask: (text) => text,
        telemetry: silentTelemetry,
      },
    );
    const ask = (when: number) => code.touched({ change: versions, at: when, files: [] });
    expect(ask(at)).toBeUndefined();
    ask(at);
    await code.idle();
    expect(ask(at + 1000)?.[0]?.says).toContain("seen once");
    await code.idle();
    expect(lookUps).toBe(1);
    seen = 70;
    expect(ask(at + 60_000)?.[0]?.says).toContain("seen once");
    await code.idle();
    expect(ask(at + 61_000)?.[0]?.says).toContain("seen 70 times");
    expect(lookUps).toBe(2);
    await code[Symbol.asyncDispose]();
  });
});
