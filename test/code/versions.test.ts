// A version comes from outside: only what looks like a tag or a commit is handed to git.
import { expect, test } from "vitest";
import { revisionsOf } from "../../src/code/repository.ts";

test.each([
  "--upload-pack=touch",
  "-h",
  "v1..v2",
  "@{-1}",
  "a b",
  "x\nrev",
  "^main",
  ":/fix",
  "--",
  "",
  "v1.lock",
  "a:b",
])("a version named %j is nothing git is asked for", (version) => {
  const names = ["version", "tag", "commit", "image", "revision"].map((fact) => ({ [fact]: version }));
  for (const revision of names.flatMap((facts) => revisionsOf(facts, ["{version}", "v{version}"])))
    expect(revision).toMatch(/^(?:[0-9a-f]{7,64}|refs\/tags\/[A-Za-z0-9][\w.+/-]*)$/);
});
