// A clone that does not have everything yet: what is missing is unknown, and found once it was fetched.
import { describe, expect, test } from "vitest";
import { createGit } from "../../src/code/git.ts";
import { createRepository } from "../../src/code/repository.ts";
import { asked, codeAt, stack, versions } from "./ask.ts";
import { hasGit, lines, makeClone } from "./clone.ts";

describe.skipIf(!hasGit)("a clone that is fetched", () => {
  test("a version that comes with a later fetch is found, and a tag that was moved is where it is now", async () => {
    const own = makeClone();
    const [first, second] = [own.commit({ "a.py": "1\n" }, "First"), own.commit({ "a.py": "2\n" }, "Second")];
    const repository = createRepository(createGit(own.path, new AbortController().signal, "git"), ["v{version}"]);
    expect(await repository.commitOf({ version: "2.0" })).toBeUndefined();
    own.tag("v2.0");
    expect(await repository.commitOf({ version: "2.0" })).toBe(second);
    own.tag("v2.0", first);
    expect(await repository.commitOf({ version: "2.0" })).toBe(first);
    // So is a commit, and what git could not say of it.
    const later = own.commit({ "b.py": "3\n" }, "Third");
    own.hide(later);
    expect(await repository.commitOf({ commit: later })).toBeUndefined();
    expect(await repository.changed(first, later)).toBeUndefined();
    expect(await repository.filesAt(later)).toBeUndefined();
    expect(await repository.touchedFile(first, later, "b.py")).toBeUndefined();
    expect(await repository.touchedLine(first, later, "b.py", 1, 0)).toBeUndefined();
    own.show(later);
    expect(await repository.commitOf({ commit: later })).toBe(later);
    expect(await repository.changed(second, later)).toEqual(new Set(["b.py"]));
    expect(await repository.changed(first, later)).toEqual(new Set(["a.py", "b.py"]));
    expect(await repository.filesAt(later)).toEqual(["a.py", "b.py"]);
    expect(await repository.touchedFile(first, later, "b.py")).toMatchObject({ id: later });
    expect(await repository.touchedLine(first, later, "b.py", 1, 0)).toMatchObject({ id: later });
    own.remove();
  });

  test("what git cannot say of two versions is unknown, and not that nothing was touched", async () => {
    const own = makeClone();
    own.commit({ "src/chat/core/scheduler.py": lines(200), "deploy/values.yaml": "a: 1\n" }, "First");
    own.tag("v1.0.0");
    const second = own.commit({ "src/chat/core/scheduler.py": lines(200, { 120: "x" }) }, "Second");
    own.tag("v1.1.0");
    // A clone that lacks the files of a version, as a partial one may.
    own.hide(`${second}^{tree}`);
    const partial = await codeAt(own.path, [stack()]);
    expect(await asked(partial, versions, ["deploy"])).toBeUndefined();
    expect(partial.trouble()).toMatch(/cannot compare .*; fetch /);
    own.show(`${second}^{tree}`);
    expect(await asked(await codeAt(own.path, [stack()]), versions, ["deploy"])).toHaveLength(1);
    own.remove();
  });
});
