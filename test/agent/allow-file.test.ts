// The agent's own file: every mistake with line and column, who may have written it, and the example that ships.
import { chmodSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agent } from "../../src/app/commands/agent.ts";
import { root } from "../support/service.ts";
import { type Lab, lab } from "./lab.ts";

async function check(file: string, ...more: readonly string[]) {
  const out: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) };
  return { code: await agent.run(["check", "--config", file, ...more], io), out };
}

const head = (host: Lab): string => `name: host-1
keys: [{ file: ${host.path("request.key")} }]
state: ${host.path("state")}
killSwitch: ${host.path("stop")}
allow:
`;

test.each<[string, string, RegExp]>([
  [
    "an unknown key",
    "- { action: a, target: 'replica:x', shell: 1, do: [{ use: cache, folder: /c }] }",
    /:6:\d+: allow.0.shell: is not a known key/,
  ],
  [
    "an unknown executor",
    "- { action: a, target: 'replica:x', do: [{ use: bash, run: ls }] }",
    /:6:\d+: allow.0.do.0.use: must name one of systemd/,
  ],
  [
    "a path with ..",
    "- { action: a, target: 'replica:x', do: [{ use: cache, folder: /c/../d }] }",
    /:6:64: allow.0.do.0.folder: must be an absolute path/,
  ],
  [
    "a relative path",
    "- { action: a, target: 'replica:x', do: [{ use: script, program: x.sh }] }",
    /allow.0.do.0.program: must be an absolute path/,
  ],
  [
    "a unit that looks like an option",
    "- { action: a, target: 'replica:x', do: [{ use: systemd, unit: --now.service }] }",
    /allow.0.do.0.unit: must be a unit/,
  ],
  [
    "a ref with ..",
    "- { action: a, target: 'replica:x', do: [{ use: git, checkout: /c, to: refs/tags/a..b }] }",
    /allow.0.do.0.to/,
  ],
  [
    "a ref that looks like an option",
    "- { action: a, target: 'replica:x', do: [{ use: git, checkout: /c, to: --all }] }",
    /allow.0.do.0.to/,
  ],
  [
    "a source over http",
    "- { action: a, target: 'replica:x', do: [{ use: checksum, folder: /c, manifest: /m, quarantine: /q, source: { url: 'http://x/' } }] }",
    /allow.0.do.0.source/,
  ],
  [
    "quarantine inside the folder",
    "- { action: a, target: 'replica:x', do: [{ use: checksum, folder: /c, manifest: /m, quarantine: /c/q }] }",
    /quarantine: must not be inside/,
  ],
  [
    "an argument nobody declared",
    "- { action: a, target: 'replica:x', do: [{ use: script, program: /x, args: [{ parameter: n }] }] }",
    /args.0: n is not declared/,
  ],
  [
    "a number that may look like an option",
    "- { action: a, target: 'replica:x', parameters: { n: { min: -1, max: 1 } }, do: [{ use: script, program: /x, args: [{ parameter: n }] }] }",
    /look like an option/,
  ],
  [
    "a value that looks like an option",
    "- { action: a, target: 'replica:x', parameters: { n: [--all] }, do: [{ use: cache, folder: /c }] }",
    /allow.0.parameters.n/,
  ],
  [
    "the same thing twice",
    "- { action: a, target: 'replica:x', do: [{ use: cache, folder: /c }] }\n- { action: a, target: 'replica:x', do: [{ use: cache, folder: /d }] }",
    /:7:\d+: allow.1.target: a on replica:x is declared already/,
  ],
  ["no YAML", "- { action: [", /:\d+:\d+: /],
])("%s is a mistake with its place", async (_what, text, says) => {
  const host = await lab();
  const { code, out } = await check(host.put("agent.yaml", `${head(host)}${text}\n`));
  expect([code, out.join("\n")]).toEqual([1, expect.stringMatching(says)]);
});

test("what is forgotten earlier than it is accepted is a mistake", async () => {
  const host = await lab();
  const text = `${head(host)}- { action: a, target: 'replica:x', do: [{ use: cache, folder: /c }] }\nremember: 10m\n`;
  expect((await check(host.put("agent.yaml", text))).out.join()).toMatch(/:7:11: remember: must be an hour/);
});

test("a file that others could have written is not believed, nor one in a folder of theirs", async () => {
  const host = await lab();
  const file = host.write([{ action: "a", target: "replica:x", do: [{ use: "cache", folder: "/c" }] }]);
  expect((await check(file)).code).toBe(0);
  for (const mode of [0o620, 0o602, 0o666]) {
    chmodSync(file, mode);
    expect(await check(file)).toMatchObject({ code: 1, out: [expect.stringContaining("can be written by others")] });
  }
  chmodSync(file, 0o644);
  chmodSync(host.root, 0o777);
  expect(await check(file)).toMatchObject({
    code: 1,
    out: [expect.stringContaining(`is in ${host.root}, which can be written`)],
  });
  chmodSync(host.root, 0o700);
  // Not by way of a link either.
  const open = host.folder("open");
  writeFileSync(join(open, "real.yaml"), readFileSync(file));
  chmodSync(open, 0o777);
  symlinkSync(join(open, "real.yaml"), host.path("link.yaml"));
  expect((await check(host.path("link.yaml"))).code).toBe(1);
});

test("a key that others can read, or that is none, is not used", async () => {
  const host = await lab();
  const rules = [{ action: "restart-replica", target: "replica:x", do: [{ use: "cache", folder: "/c" }] }];
  chmodSync(host.path("request.key"), 0o644);
  await expect(host.start(rules)).rejects.toThrow(/request.key can be read by others/);
  const keys = [{ file: host.put("bad.key", "password") }];
  await expect(host.start(rules, { keys })).rejects.toThrow(/bad.key holds no whsec_/);
  await expect(host.start(rules, { keys: [{ env: "NOT_SET_HERE" }] })).rejects.toThrow(/NOT_SET_HERE is not set/);
});

test("the example that ships has no mistakes, and its remarks are about what is not on this host", async () => {
  const host = await lab();
  copyFileSync(join(root, "docs", "agent.example.yaml"), host.path("agent.yaml"));
  chmodSync(host.path("agent.yaml"), 0o600);
  const { code, out } = await check(host.path("agent.yaml"), "--json");
  const told = JSON.parse(out.join("\n")) as { ok: boolean; mistakes: object[]; remarks: string[]; may: string[] };
  expect({ code, ok: told.ok, mistakes: told.mistakes }).toEqual({ code: 0, ok: true, mistakes: [] });
  const uses = [
    "systemd unit",
    "of Docker",
    "pm2",
    "end the process",
    "check out",
    "release before",
    "mend it",
    "empty",
    "run ",
  ];
  for (const use of uses) expect(told.may.join("\n")).toContain(use);
  expect(told.remarks.join("\n")).toContain("/etc/homeostat-agent/request.key");
});

test("every step and setting that docs/agent.md explains is one, and the unit it gives runs the command", () => {
  const page = readFileSync(join(root, "docs", "agent.md"), "utf8");
  for (const use of ["systemd", "docker", "pm2", "process", "git", "symlink", "checksum", "cache", "script"])
    expect(page).toContain(`| \`${use}\` |`);
  const unit = readFileSync(join(root, "docs", "deploy", "homeostat-agent.service"), "utf8");
  expect(unit).toMatch(/^ExecStart=\S+ \S+homeostat\.js agent --config \S+agent\.yaml$/m);
  expect(unit).toMatch(/^KillMode=process$/m);
});
