// Repair by checksum: real files with a wrong byte, mended from a folder or an https host; nothing outside is touched.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agent as command } from "../../src/app/commands/agent.ts";
import { atEnd, found, type Lab, lab, type Told } from "./lab.ts";

const noOpenssl = found("openssl") === undefined;
const asked = { action: "repair-data", target: "replica:vllm-0" };
const shard = Buffer.alloc(3_000_000, "weights ");
const files: Readonly<Record<string, Buffer>> = {
  "model-00001.safetensors": shard,
  "model-00002.safetensors": Buffer.alloc(10_000, 1),
  "tokenizer/tokenizer.json": Buffer.from('{"version":"1.0"}'),
};

/** A folder of good files, a copy of it that is served, and a manifest made by the command. */
async function model(host: Lab): Promise<{ served: string; source: string; step: object; manifest: string }> {
  for (const folder of ["source", "served"]) {
    mkdirSync(host.path(folder, "tokenizer"), { recursive: true, mode: 0o755 });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(host.path(folder, name), bytes);
  }
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => {} };
  expect(await command.run(["manifest", host.path("source")], io)).toBe(0);
  const manifest = host.put("model.sha256", `${lines.join("\n")}\n`);
  const step = { use: "checksum", folder: host.path("served"), manifest, quarantine: host.path("bad") };
  return { served: host.path("served"), source: host.path("source"), step, manifest };
}

async function repair(host: Lab, step: object): Promise<Told> {
  const agent = await host.start([{ ...asked, do: [step] }]);
  await agent.send(asked, { id: "action-1" });
  return await agent.result("action-1");
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

/** And sha256sum, which nobody here wrote, agrees, where it is here. */
function check(manifest: string, folder: string): void {
  for (const [name, bytes] of Object.entries(files)) expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  if (found("sha256sum") === undefined) return;
  execFileSync("sha256sum", ["--check", "--quiet", "--strict", manifest], { cwd: folder });
}

test("a flipped bit, a missing and a short file are mended from a folder; the wrong ones are kept in quarantine", async () => {
  const host = await lab();
  const { served, source, step, manifest } = await model(host);
  flip(join(served, "model-00001.safetensors"));
  rmSync(join(served, "tokenizer"), { recursive: true });
  writeFileSync(join(served, "model-00002.safetensors"), "");
  const wrong = readFileSync(join(served, "model-00001.safetensors"));
  const told = await repair(host, { ...step, source: { folder: source } });
  expect(told).toMatchObject({ outcome: "succeeded", says: expect.stringContaining("3 of 3 files") });
  check(manifest, served);
  const kept = readdirSync(host.path("bad")).map((name) => readFileSync(host.path("bad", name)));
  expect(kept).toHaveLength(2);
  expect(kept.some((bytes) => bytes.equals(wrong))).toBe(true);
  expect(readdirSync(served).sort()).toEqual(["model-00001.safetensors", "model-00002.safetensors", "tokenizer"]);
});

test("where all is as listed nothing is done; without a source what is wrong is only told", async () => {
  const host = await lab();
  const { served, step } = await model(host);
  const agent = await host.start([{ ...asked, do: [step] }]);
  await agent.send(asked, { id: "a" });
  expect(await agent.result("a")).toMatchObject({ outcome: "succeeded", says: expect.stringContaining("all 3 files") });
  flip(join(served, "model-00002.safetensors"));
  await agent.send(asked, { id: "b" });
  expect(await agent.result("b")).toMatchObject({ outcome: "failed", says: expect.stringContaining("no source") });
  expect(existsSync(host.path("bad"))).toBe(false);
});

test("a source that is wrong as well is not put in place", async () => {
  const host = await lab();
  const { served, source, step } = await model(host);
  for (const folder of [served, source]) flip(join(folder, "model-00002.safetensors"));
  const told = await repair(host, { ...step, source: { folder: source } });
  expect(told).toMatchObject({ outcome: "failed", says: expect.stringContaining("not as the manifest says either") });
  // The wrong one is out of the way: an engine says that a file is missing and does not serve nonsense.
  expect(readdirSync(served).sort()).toEqual(["model-00001.safetensors", "tokenizer"]);
});

test.each<[string, string]>([
  ["..", `${"0".repeat(64)}  ../outside\n`],
  [".. in the middle", `${"0".repeat(64)}  a/../../outside\n`],
  ["a full path", `${"0".repeat(64)}  /etc/passwd\n`],
  ["no sum", "model-00001.safetensors\n"],
  ["nothing", "# empty\n"],
])("a manifest with %s is refused, and nothing is touched", async (_what, text) => {
  const host = await lab();
  const { source, step } = await model(host);
  host.put("outside", "mine");
  const told = await repair(host, { ...step, manifest: host.put("bad.sha256", text), source: { folder: source } });
  expect(told.outcome).toBe("refused");
  expect([readFileSync(host.path("outside"), "utf8"), existsSync(host.path("bad"))]).toEqual(["mine", false]);
});

test.each<[string, (host: Lab, served: string) => void]>([
  ["a file", (host, served) => swap(join(served, "model-00002.safetensors"), host.put("outside", "mine"))],
  ["a folder", (host, served) => swap(join(served, "tokenizer"), outside(host))],
])("a symbolic link in place of %s leads nowhere: what is behind it is left alone", async (_what, spoil) => {
  const host = await lab();
  const { served, source, step } = await model(host);
  spoil(host, served);
  const told = await repair(host, { ...step, source: { folder: source } });
  expect(told).toMatchObject({ outcome: "refused", says: expect.stringContaining("symbolic link") });
  const kept = existsSync(host.path("outside", "tokenizer.json"))
    ? host.path("outside", "tokenizer.json")
    : host.path("outside");
  expect(readFileSync(kept, "utf8")).toBe("mine");
});

function swap(path: string, target: string): void {
  rmSync(path, { recursive: true });
  symlinkSync(target, path);
}

function outside(host: Lab): string {
  const folder = host.folder("outside");
  writeFileSync(join(folder, "tokenizer.json"), "mine");
  return folder;
}

/** An https host with a certificate of its own, as a mirror inside a company has. */
async function mirror(host: Lab, answer: (path: string) => { status: number; body?: Buffer; to?: string }) {
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const files = ["-keyout", host.path("tls.key"), "-out", host.path("tls.crt")];
  const how = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...how, ...name, ...files], { stdio: "ignore" });
  const tls = { key: readFileSync(host.path("tls.key")), cert: readFileSync(host.path("tls.crt")) };
  const server = https.createServer(tls, (request, response) => {
    const { status, body, to } = answer(request.url ?? "");
    response.writeHead(status, to === undefined ? {} : { location: to }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/models/`, ca: host.path("tls.crt") };
}

const listed = (path: string): { status: number; body: Buffer } => ({
  status: 200,
  body: files[decodeURIComponent(path.replace("/models/", ""))] ?? Buffer.from("?"),
});

test.skipIf(noOpenssl)("a file is mended from an https host whose certificate fits (needs openssl)", async () => {
  const host = await lab();
  const { served, step, manifest } = await model(host);
  flip(join(served, "model-00001.safetensors"));
  const told = await repair(host, { ...step, source: await mirror(host, listed) });
  expect(told).toMatchObject({ outcome: "succeeded" });
  check(manifest, served);
});

test.skipIf(noOpenssl).each<[string, (path: string) => { status: number; body?: Buffer; to?: string }, RegExp]>([
  [
    "sends us on to another host",
    () => ({ status: 302, to: "https://127.0.0.1/x" }),
    /https:\/\/127.0.0.1, which is not declared/,
  ],
  [
    "sends us on to plain http",
    () => ({ status: 302, to: "http://localhost/x" }),
    /http:\/\/localhost, which is not declared/,
  ],
  ["sends us round", (path) => ({ status: 302, to: path }), /in circles/],
  ["sends more than is listed", () => ({ status: 200, body: Buffer.alloc(20_000, 1) }), /more than is listed/],
  ["sends less", () => ({ status: 200, body: Buffer.alloc(5, 1) }), /less than is listed/],
  ["sends something else", () => ({ status: 200, body: Buffer.alloc(10_000, 2) }), /not as the manifest says/],
  ["does not have it", () => ({ status: 404 }), /answered 404/],
])("a host that %s mends nothing, and leaves nothing half (needs openssl)", async (_what, answer, says) => {
  const host = await lab();
  const { served, step } = await model(host);
  flip(join(served, "model-00002.safetensors"));
  const told = await repair(host, { ...step, source: await mirror(host, answer) });
  expect(told).toMatchObject({ outcome: "failed", says: expect.stringMatching(says) });
  expect(readdirSync(served).sort()).toEqual(["model-00001.safetensors", "tokenizer"]);
});

test.skipIf(noOpenssl)("a host with a certificate nobody vouches for is not believed (needs openssl)", async () => {
  const host = await lab();
  const { served, step } = await model(host);
  flip(join(served, "model-00002.safetensors"));
  const { url } = await mirror(host, listed);
  expect(await repair(host, { ...step, source: { url } })).toMatchObject({
    outcome: "failed",
    says: expect.stringMatching(/SELF_SIGNED|CERT/),
  });
});

test("a cache is emptied, but for what is kept; links in it are removed and not followed", async () => {
  const host = await lab();
  const cache = host.folder("cache/deep/er");
  const kept = createHash("sha256").update("x").digest("hex");
  writeFileSync(join(cache, "kernel.bin"), "x");
  for (const name of [".hidden", "README"]) writeFileSync(host.path("cache", name), kept);
  symlinkSync(outside(host), host.path("cache", "link"));
  const told = await repair(host, { use: "cache", folder: host.path("cache"), keep: ["README"] });
  expect(told).toMatchObject({ outcome: "succeeded", says: expect.stringContaining("3 entries") });
  expect(readdirSync(host.path("cache"))).toEqual(["README"]);
  expect(readFileSync(host.path("outside", "tokenizer.json"), "utf8")).toBe("mine");
});
