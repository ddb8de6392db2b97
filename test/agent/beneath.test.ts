// A name that is swapped for a symbolic link between a look and the deed leads nowhere.
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePlain, openFolder, openPlain, walk } from "../../src/agent/beneath.ts";
import { lab } from "./lab.ts";

test.skipIf(process.platform !== "linux")(
  "a folder that is swapped after it was opened is still the one that was opened",
  async () => {
    const host = await lab();
    const [root, outside] = [host.folder("root/in"), host.folder("outside")];
    const place = await walk(host.path("root"), "in/new.bin");
    await using folder = place.folder;
    renameSync(root, host.path("root", "moved"));
    symlinkSync(outside, root);
    await using file = await makePlain(folder.at(place.name));
    await file.writeFile("good");
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(host.path("root", "moved"), "new.bin"), "utf8")).toBe("good");
  },
);

test("no part of a way may be a symbolic link, and no name more than a name", async () => {
  const host = await lab();
  const outside = host.folder("outside");
  writeFileSync(join(outside, "x"), "mine");
  const root = host.folder("root");
  symlinkSync(outside, join(root, "link"));
  symlinkSync(join(outside, "x"), join(root, "file"));
  for (const way of ["link/x", "link/y/z"]) await expect(walk(root, way)).rejects.toThrow(/ENOTDIR|ELOOP/);
  for (const way of ["../outside/x", "a/../../outside/x", "..", "", "a\0b"])
    await expect(walk(root, way)).rejects.toThrow();
  await using folder = await openFolder(root);
  await expect(openPlain(folder.at("file"))).rejects.toThrow(/ELOOP/);
  await expect(openPlain(folder.at("link"))).rejects.toThrow(/ELOOP|EISDIR/);
  await expect(openFolder(join(root, "link"))).rejects.toThrow(/ENOTDIR|ELOOP/);
});

test("missing folders are made on the way where that is asked for, and only below", async () => {
  const host = await lab();
  const root = host.folder("root");
  await expect(walk(root, "a/b/c")).rejects.toThrow(/ENOENT/);
  const { folder } = await walk(root, "a/b/c", true);
  await folder[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "a"))).toEqual(["b"]);
  mkdirSync(host.path("elsewhere"));
  symlinkSync(host.path("elsewhere"), join(root, "l"));
  await expect(walk(root, "l/b/c", true)).rejects.toThrow(/ENOTDIR|ELOOP/);
  expect(readdirSync(host.path("elsewhere"))).toEqual([]);
});
