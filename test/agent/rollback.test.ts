// Going back: real git checkouts and real symbolic links, there and back again.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countingScript, type Lab, lab } from "./lab.ts";

const asked = { action: "rollback-version", target: "deployment:chat" };

function git(checkout: string, ...args: readonly string[]): string {
  const env = { PATH: process.env["PATH"] ?? "", GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
  return execFileSync("git", [...who, "-C", checkout, ...args], { encoding: "utf8", env }).trim();
}

function checkout(host: Lab): { path: string; commits: readonly string[] } {
  const path = host.folder("checkout");
  git(path, "init", "--quiet");
  const commits = ["one", "two", "three"].map((text) => {
    writeFileSync(join(path, "config.yaml"), `${text}\n`);
    git(path, "add", ".");
    git(path, "commit", "--quiet", "-m", text);
    return git(path, "rev-parse", "HEAD");
  });
  git(path, "tag", "good", commits[0]!);
  return { path, commits };
}

const served = (path: string): string => readFileSync(join(path, "config.yaml"), "utf8").trim();

test.each([
  ["previous-commit", "two"],
  ["refs/tags/good", "one"],
])(
  "git: to %s, and back to the branch when it is taken back; what is served is started again both times",
  async (to, text) => {
    const host = await lab();
    const { path } = checkout(host);
    const hook = join(path, ".git", "hooks", "post-checkout");
    writeFileSync(hook, `#!/bin/sh\ntouch ${host.path("hooked")}\n`, { mode: 0o755 });
    const { program } = countingScript(host);
    const steps = [
      { use: "git", checkout: path, to },
      { use: "script", program },
    ];
    const agent = await host.start([{ ...asked, do: steps }]);
    await agent.send(asked, { id: "action-1" });
    const told = await agent.result("action-1");
    expect(told).toMatchObject({ outcome: "succeeded", undo: [{ step: 0, before: "refs/heads/main" }] });
    expect(served(path)).toBe(text);
    // The branch did not move, so whoever deploys next starts from it.
    expect(git(path, "log", "-1", "--format=%s", "main")).toBe("three");
    await agent.send({ ...asked, idempotencyKey: "action-1" }, { id: "undo-1", type: "action.undo" });
    expect(await agent.result("undo-1")).toMatchObject({ outcome: "succeeded" });
    expect([served(path), git(path, "symbolic-ref", "HEAD")]).toEqual(["three", "refs/heads/main"]);
    expect(existsSync(host.path("hooked"))).toBe(false);
  },
);

test("git: previous-checkout is where HEAD was before", async () => {
  const host = await lab();
  const { path, commits } = checkout(host);
  git(path, "checkout", "--quiet", commits[0]!);
  git(path, "checkout", "--quiet", "main");
  const agent = await host.start([{ ...asked, do: [{ use: "git", checkout: path, to: "previous-checkout" }] }]);
  await agent.send(asked, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "succeeded" });
  expect(served(path)).toBe("one");
});

test.each<[string, (path: string) => void, RegExp]>([
  ["with a change", (path) => writeFileSync(join(path, "config.yaml"), "mine\n"), /not committed/],
  [
    "with a staged change",
    (path) => {
      writeFileSync(join(path, "new"), "");
      git(path, "add", "new");
    },
    /not committed/,
  ],
  ["in the middle of a merge", (path) => writeFileSync(join(path, ".git", "MERGE_HEAD"), ""), /in the middle/],
  ["that is there already", (path) => void git(path, "checkout", "--quiet", "good"), /already/],
  ["without that tag", (path) => void git(path, "tag", "-d", "good"), /is no commit/],
])("git: a checkout %s is left alone", async (_what, spoil, says) => {
  const host = await lab();
  const { path } = checkout(host);
  spoil(path);
  const before = git(path, "rev-parse", "HEAD");
  const agent = await host.start([{ ...asked, do: [{ use: "git", checkout: path, to: "refs/tags/good" }] }]);
  await agent.send(asked, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "refused", says: expect.stringMatching(says) });
  expect(git(path, "rev-parse", "HEAD")).toBe(before);
});

test("git: what was changed since is not taken back", async () => {
  const host = await lab();
  const { path } = checkout(host);
  const agent = await host.start([{ ...asked, do: [{ use: "git", checkout: path, to: "refs/tags/good" }] }]);
  await agent.send(asked, { id: "action-1" });
  await agent.result("action-1");
  git(path, "checkout", "--quiet", "main~1");
  await agent.send({ ...asked, idempotencyKey: "action-1" }, { id: "undo-1", type: "action.undo" });
  expect(await agent.result("undo-1")).toMatchObject({
    outcome: "refused",
    says: expect.stringContaining("left alone"),
  });
  expect(served(path)).toBe("two");
});

function releases(host: Lab, target: (name: string) => string): { link: string; folder: string; step: object } {
  const folder = host.folder("releases");
  for (const name of ["r8", "r9", "r10"]) {
    mkdirSync(join(folder, name), { mode: 0o755 });
    writeFileSync(join(folder, name, "version"), name);
  }
  const link = host.path("current");
  symlinkSync(target("r10"), link);
  return { link, folder, step: { use: "symlink", link, releases: folder } };
}

test.each<[string, (host: Lab) => (name: string) => string]>([
  ["a full path", (host) => (name) => host.path("releases", name)],
  ["a relative path", () => (name) => `releases/${name}`],
])("symlink by %s: to the release before by number, and back when it is taken back", async (_what, target) => {
  const host = await lab();
  const { link, step } = releases(host, target(host));
  const agent = await host.start([{ ...asked, do: [step] }]);
  await agent.send(asked, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({
    outcome: "succeeded",
    undo: [{ before: "r10", after: "r9" }],
  });
  expect([readlinkSync(link), readFileSync(join(link, "version"), "utf8")]).toEqual([target(host)("r9"), "r9"]);
  const undo = { ...asked, idempotencyKey: "action-1" };
  await agent.send(undo, { id: "undo-1", type: "action.undo" });
  expect(await agent.result("undo-1")).toMatchObject({ outcome: "succeeded" });
  expect(readFileSync(join(link, "version"), "utf8")).toBe("r10");
  // Once: the same undo again is the same answer.
  expect((await agent.send(undo, { id: "undo-2", type: "action.undo" })).status).toBe(200);
  expect(readdirSync(host.root).filter((name) => name.startsWith(".current"))).toEqual([]);
});

test.each<[string, (host: Lab, link: string, folder: string) => void, RegExp]>([
  ["is at the first release", (_host, link, folder) => repoint(link, join(folder, "r8")), /no release before/],
  ["leads out of the folder", (host, link) => repoint(link, host.folder("elsewhere")), /no folder of/],
  ["leads out of the folder by ..", (_host, link, folder) => repoint(link, `${folder}/../r9`), /no folder of/],
  [
    "is no link",
    (_host, link) => {
      rmSync(link);
      mkdirSync(link);
    },
    /no symbolic link/,
  ],
  [
    "is in front of a release that is a link itself",
    (_host, link, folder) => {
      for (const name of ["r8", "r9"]) {
        rmSync(join(folder, name), { recursive: true });
        symlinkSync("/etc", join(folder, name));
      }
      repoint(link, join(folder, "r10"));
    },
    /no release before/,
  ],
])("symlink: one that %s is left alone", async (_what, spoil, says) => {
  const host = await lab();
  const { link, folder, step } = releases(host, (name) => host.path("releases", name));
  spoil(host, link, folder);
  const agent = await host.start([{ ...asked, do: [step] }]);
  await agent.send(asked, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "refused", says: expect.stringMatching(says) });
});

function repoint(link: string, target: string): void {
  rmSync(link);
  symlinkSync(target, link);
}

test("nothing is taken back that was not done, or cannot be", async () => {
  const host = await lab();
  const { program, runs } = countingScript(host);
  const agent = await host.start([{ ...asked, do: [{ use: "script", program }] }]);
  const undo = { ...asked, idempotencyKey: "action-1" };
  const never = await agent.send(undo, { id: "undo-0", type: "action.undo" });
  expect(never).toMatchObject({ status: 403, body: { says: expect.stringContaining("nothing was done") } });
  await agent.send(asked, { id: "action-1" });
  await agent.result("action-1");
  const cannot = await agent.send(undo, { id: "undo-1", type: "action.undo" });
  expect(cannot).toMatchObject({ status: 403, body: { says: expect.stringContaining("cannot be taken back") } });
  expect(readFileSync(runs, "utf8").trimEnd().split("\n")).toHaveLength(1);
});

test("when a later step fails, what was switched before is in the result and can be taken back", async () => {
  const host = await lab();
  const { link, step } = releases(host, (name) => host.path("releases", name));
  const program = host.put("fails.sh", "#!/bin/sh\nexit 1\n", 0o755);
  const agent = await host.start([{ ...asked, do: [step, { use: "script", program }] }]);
  await agent.send(asked, { id: "action-1" });
  expect(await agent.result("action-1")).toMatchObject({ outcome: "failed", undo: [{ before: "r10", after: "r9" }] });
  await agent.send({ ...asked, idempotencyKey: "action-1" }, { id: "undo-1", type: "action.undo" });
  expect(await agent.result("undo-1")).toMatchObject({ outcome: "succeeded" });
  expect(readFileSync(join(link, "version"), "utf8")).toBe("r10");
});

test("a token is not used on another step that the file has in its place by now", async () => {
  const host = await lab();
  const { path } = checkout(host);
  const { step } = releases(host, (name) => host.path("releases", name));
  const first = await host.start([{ ...asked, do: [step] }]);
  await first.send(asked, { id: "action-1" });
  await first.result("action-1");
  await first.stop();
  const second = await host.start([{ ...asked, do: [{ use: "git", checkout: path, to: "refs/tags/good" }] }]);
  const undo = await second.send({ ...asked, idempotencyKey: "action-1" }, { id: "undo-1", type: "action.undo" });
  expect(undo).toMatchObject({ status: 403, body: { says: expect.stringContaining("cannot be taken back") } });
  expect(served(path)).toBe("three");
});
