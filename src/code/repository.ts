// One local clone: what a version is in it, which files there are, and which commit touched a line between two versions.
import type { Labels } from "../model/labels.ts";
import type { Git } from "./git.ts";

export interface Commit {
  readonly id: string;
  /** Its first line, as somebody wrote it. */
  readonly subject: string;
}

export interface Repository {
  /** The commit that these facts of a change name: by its id, or by the tag of a version or image. Undefined: none here. */
  commitOf(facts: Labels): Promise<string | undefined>;
  /** Paths at a commit. Undefined: git does not say, for a clone that holds only parts. */
  filesAt(commit: string): Promise<readonly string[] | undefined>;
  /** Paths that differ between two commits, also such as are only in the first. Undefined: git does not say. */
  changed(from: string, to: string): Promise<ReadonlySet<string> | undefined>;
  /** The commit after `from` that wrote a line within `near` of `line` at `to`; the line itself before its neighbours. */
  touchedLine(from: string, to: string, file: string, line: number, near: number): Promise<Commit | undefined>;
  /** The last commit after `from` up to `to` that changed the file. */
  touchedFile(from: string, to: string, file: string): Promise<Commit | undefined>;
}

/** Of a line: git's answer that nobody wrote it since is one that lasts, its refusal is not. */
interface Writer {
  readonly commit: Commit | undefined;
}

/** Begins with a letter or digit, so that it can be no option, and has nothing of git's own notations in it. */
const versionText = /^[A-Za-z0-9][\w.+/-]{0,199}$/;
const commitText = /^[0-9a-f]{7,64}$/;
const commitId = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/** Facts that name a commit, and those that name a version, in the order they are tried. */
const commitFacts = ["commit", "sha", "revision", "git.commit", "vcs.ref.head.revision", "commit_sha"];
const versionFacts = ["version", "service.version", "tag", "release", "package", "appVersion", "image", "images"];
const candidatesMax = 12;

/** `tags`: how a version becomes a tag, `{version}` standing for it. */
export function createRepository(git: Git, tags: readonly string[]): Repository {
  const resolved = bounded<string>(500);
  const trees = bounded<readonly string[]>(8);
  const differences = bounded<ReadonlySet<string>>(32);
  const files = bounded<Commit>(500);
  const lines = bounded<Writer>(2000);

  /** Never an option: only called with texts that were checked. A tag may be moved, a commit stays what it is. */
  function resolve(revision: string): Promise<string | undefined> {
    const ask = async (): Promise<string | undefined> => {
      const id = (await git.run(["rev-parse", "--verify", "--quiet", `${revision}^{commit}`]))?.trim();
      return id !== undefined && commitId.test(id) ? id : undefined;
    };
    return commitText.test(revision) ? resolved.get(revision, ask) : ask();
  }

  async function commit(args: readonly string[]): Promise<Commit | undefined> {
    const [id, subject = ""] = ((await git.run(args)) ?? "").trimEnd().split("\u0000");
    return id !== undefined && commitId.test(id) ? { id, subject } : undefined;
  }

  const format = "--format=%H%x00%s";
  return {
    async commitOf(facts) {
      for (const candidate of revisionsOf(facts, tags)) {
        const found = await resolve(candidate);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    filesAt: (id) =>
      trees.get(id, async () => {
        const told = await git.run(["ls-tree", "-r", "-z", "--name-only", "--full-tree", id]);
        return told === undefined ? undefined : paths(told);
      }),
    changed: (from, to) =>
      differences.get(`${from} ${to}`, async () => {
        const plain = ["--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all"];
        const told = await git.run(["diff", ...plain, "--name-only", "-z", from, to, "--"]);
        return told === undefined ? undefined : new Set(paths(told));
      }),
    async touchedLine(from, to, file, line, near) {
      const writer = await lines.get(`${from} ${to} ${line} ${near} ${file}`, async () => {
        const start = Math.max(1, line - near);
        for (const end of [line + near, line]) {
          // A file that ends before the neighbours do makes git refuse: then the line alone.
          const range = ["-L", `${Math.min(start, end)},${end}`];
          const blame = await git.run([
            "blame",
            "--no-textconv",
            "--porcelain",
            ...range,
            `${from}..${to}`,
            "--",
            file,
          ]);
          if (blame !== undefined) return { commit: writerOf(blame, line) };
        }
        return undefined;
      });
      return writer?.commit;
    },
    touchedFile: (from, to, file) =>
      files.get(`${from} ${to} ${file}`, () =>
        commit(["log", "-1", "--no-color", "--no-show-signature", format, `${from}..${to}`, "--", file]),
      ),
  };
}

/** What may name the commit, likeliest first. Every text is one that git cannot take for anything but a revision. */
export function revisionsOf(facts: Labels, tags: readonly string[]): readonly string[] {
  const value = (name: string): string => facts[name] ?? "";
  const found: string[] = [];
  for (const name of commitFacts) {
    // `main@sha1:<commit>`, `refs/tags/v1`: the commit at the end.
    const told = /(?:^|[@:/])([0-9a-f]{7,64})$/.exec(value(name))?.[1];
    if (told !== undefined && commitText.test(told)) found.push(told);
  }
  const versions = [...commitFacts, ...versionFacts].flatMap((name) =>
    name === "image" || name === "images" ? value(name).split(/\s+/).map(tagOfImage) : [value(name)],
  );
  for (const version of versions) {
    if (!isVersion(version)) continue;
    for (const tag of tags) {
      const name = tag.replaceAll("{version}", version);
      if (isVersion(name)) found.push(`refs/tags/${name}`);
    }
    // A tag of an image is often a commit, at times with a word before it.
    const commit = /(?:^|[-_.])(?:g|sha-?)?([0-9a-f]{7,40})$/.exec(version)?.[1];
    if (commit !== undefined && /\d/.test(commit)) found.push(commit);
  }
  return [...new Set(found)].slice(0, candidatesMax);
}

function isVersion(text: string): boolean {
  return versionText.test(text) && !text.includes("..") && !text.includes("//") && !/[./]$|\.lock$/.test(text);
}

/** `registry:5000/chat/server:v1.2@sha256:…` -> `v1.2`. */
function tagOfImage(image: string): string {
  return /:([\w][\w.-]*)(?:@.*)?$/.exec(image)?.[1] ?? "";
}

function paths(text: string): readonly string[] {
  return text.split("\u0000").filter((path) => path !== "");
}

/** The commit that wrote the line, or the nearest one, of a porcelain blame; those at the boundary wrote before. */
function writerOf(blame: string, line: number): Commit | undefined {
  const subjects = new Map<string, string>();
  const boundary = new Set<string>();
  const writers: { readonly id: string; readonly at: number }[] = [];
  let current = "";
  for (const text of blame.split("\n")) {
    const head = /^([0-9a-f]{40,64}) \d+ (\d+)/.exec(text);
    if (head !== null) {
      current = head[1]!;
      writers.push({ id: current, at: Number(head[2]) });
    } else if (text.startsWith("summary ")) subjects.set(current, text.slice("summary ".length));
    else if (text === "boundary") boundary.add(current);
  }
  const nearest = writers
    .filter(({ id }) => !boundary.has(id))
    .sort((a, b) => Math.abs(a.at - line) - Math.abs(b.at - line))[0];
  return nearest === undefined ? undefined : { id: nearest.id, subject: subjects.get(nearest.id) ?? "" };
}

/** Remembers the newest answers. What failed, or was not there, is asked again: the next fetch may bring it. */
function bounded<T>(max: number) {
  const known = new Map<string, Promise<T | undefined>>();
  return {
    get(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
      const found = known.get(key);
      if (found !== undefined) return found;
      const made = ask();
      const forget = (): void => {
        if (known.get(key) === made) known.delete(key);
      };
      known.set(key, made);
      made.then((value) => {
        if (value === undefined) forget();
      }, forget);
      if (known.size > max) known.delete(known.keys().next().value!);
      return made;
    },
  };
}
