// Code evidence: which commits between the two versions of a change touched the code that fails since, and what is known of it.
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { CodeHistory, CodeQuestion, CodeTouch } from "../model/ports/code-history.ts";
import type { StackSource } from "../model/ports/stack-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { type FailingPlace, failingPlaces } from "./frames.ts";
import { createGit, gitTrouble, isGitTrouble } from "./git.ts";
import { indexFiles } from "./paths.ts";
import type { FindingsOf, Reports } from "./reports.ts";
import { createRepository, type Repository } from "./repository.ts";
import { sayFinding, sayTouch } from "./say.ts";

export interface CodeOptions {
  /** The program: a name, looked for where programs are installed, or a path. */
  readonly git: string;
  readonly repositories: readonly RepositoryOptions[];
}

export interface RepositoryOptions {
  /** Services, deployments or applications that run its code, by name. */
  readonly services: readonly string[];
  /** Of a local clone. */
  readonly path: string;
  /** How a version becomes a tag: `v{version}`. */
  readonly tags: readonly string[];
  /** Folders left out of a path when the code is built or installed. */
  readonly roots: readonly string[];
}

export interface Code extends CodeHistory, AsyncDisposable {
  /** What stands in the way, for the status; undefined: nothing. */
  trouble(): string | undefined;
  /** Resolves when nothing is being looked up any more. */
  idle(): Promise<void>;
}

/** How often an answer is looked up anew while somebody asks: traces keep coming, the first soon. Event time. */
const freshMs: DurationMs = 60_000;
const emptyFreshMs: DurationMs = 15_000;
/** Traces are compared with those of the hour before the change. */
const beforeMs: DurationMs = 60 * 60_000;
const riseMin = 3;
/** A line counts as touched when one so close was: the edit that breaks a call is often beside it. */
const nearLines = 2;
const stacksMax = 100;
const touchesMax = 8;
const findingsMax = 3;
const answersMax = 200;
const waitingMax = 50;

interface Answer {
  readonly askedAt: Instant;
  readonly touches: readonly CodeTouch[] | undefined;
}

export function createCode(
  options: CodeOptions,
  deps: {
    readonly stacks: StackSource;
    readonly reports: Reports;
    /** Names an entity goes by: its own and those of what it belongs to. */
    readonly namesOf: (entity: EntityId) => readonly string[];
    /** Takes secrets out of what somebody wrote. */
    readonly mask: (text: string) => string;
    readonly telemetry: Telemetry;
  },
): Code {
  const { telemetry, reports } = deps;
  const ending = new AbortController();
  const clones = options.repositories.map((one) => {
    const git = createGit(one.path, ending.signal, options.git);
    return { ...one, git, repository: createRepository(git, one.tags) };
  });
  const answers = new Map<string, Answer>();
  const waiting = new Set<string>();
  /** By path of the clone. */
  const troubles = new Map<string, string>();
  // Whoever named a clone that is none learns it at the start, and not in the next incident.
  let queue: Promise<void> = Promise.all(
    clones.map(({ path, git }) => git.run(["rev-parse", "--git-dir"]).catch((error) => sayTrouble(path, error))),
  ).then(() => undefined);

  /** Told once for as long as it stands; undefined: nothing stands in the way any more. */
  function say(path: string, problem: string | undefined): void {
    if (problem === undefined) troubles.delete(path);
    else if (troubles.get(path) !== problem) {
      troubles.set(path, problem);
      telemetry.log.warn(`code evidence: ${problem}`);
    }
  }

  function sayTrouble(path: string, error: unknown): void {
    if (ending.signal.aborted) return;
    telemetry.count("homeostat.code.errors");
    if (isGitTrouble(error)) say(path, error.message);
    else telemetry.log.error("code evidence cannot be looked up", { path, error: String(error) });
  }

  async function lookUp(question: CodeQuestion, where: typeof clones): Promise<readonly CodeTouch[] | undefined> {
    const { before = {}, after = {}, id } = question.change;
    for (const { repository, path, services, roots } of where) {
      try {
        const from = await repository.commitOf(before);
        const to = await repository.commitOf(after);
        if (from !== undefined && to !== undefined) {
          const touches = from === to ? [] : await between(repository, { from, to, services, roots, path }, question);
          say(path, undefined);
          return touches;
        }
        const which = from === undefined ? "before" : "after";
        const missing = `no commit or tag at ${path} is the version ${which} the change ${id}`;
        say(path, `${missing}; fetch its tags, and let changes say a commit or version`);
      } catch (error) {
        sayTrouble(path, error);
      }
    }
    return undefined;
  }

  async function between(
    repository: Repository,
    { from, to, services, roots, path }: { from: string; to: string } & Omit<RepositoryOptions, "tags">,
    { change, at, files }: CodeQuestion,
  ): Promise<readonly CodeTouch[] | undefined> {
    const changed = await repository.changed(from, to);
    const paths = await repository.filesAt(to);
    if (changed === undefined || paths === undefined)
      throw gitTrouble(`git cannot compare ${from} with ${to} at ${path}; fetch the commits with all their files`);
    const stacks = await deps.stacks.stacks({
      services,
      from: change.at - beforeMs,
      since: change.at,
      to: at + 1,
      limit: stacksMax,
    });
    const index = indexFiles(paths, roots);
    const places = failingPlaces(stacks, index, riseMin);
    const named = [...changed].filter((path) => files.some((file) => path === file || path.startsWith(`${file}/`)));
    // Nothing fails and no rule names files: that nothing was touched would say nothing.
    if (places.length === 0 && files.length === 0) return undefined;
    await reports.refresh();
    const about = reports.about(index);
    const touches: CodeTouch[] = [];
    for (const place of places) {
      if (!changed.has(place.file)) continue;
      const touch = await touchOf(repository, from, to, place, about);
      if (touch !== undefined && !touches.some(({ says }) => says === touch.says)) touches.push(touch);
    }
    for (const file of named.slice(0, touchesMax)) {
      const commit = await repository.touchedFile(from, to, file);
      if (commit === undefined) continue;
      const says = sayTouch(commit, deps.mask, { file });
      touches.push({
        what: "file",
        file,
        commit: commit.id,
        at: change.at,
        says,
        findings: findingsOf(about, file),
      });
    }
    // The files differ, but no commit leads from one version to the other: a way back, or another branch.
    const differs = named.length > 0 || places.some(({ file }) => changed.has(file));
    if (touches.length === 0 && differs) return undefined;
    return touches.sort((a, b) => Number(b.what === "line") - Number(a.what === "line")).slice(0, touchesMax);
  }

  async function touchOf(
    repository: Repository,
    from: string,
    to: string,
    place: FailingPlace,
    about: FindingsOf,
  ): Promise<CodeTouch | undefined> {
    const { file, line } = place;
    const near = await repository.touchedLine(from, to, file, line, nearLines);
    const commit = near ?? (await repository.touchedFile(from, to, file));
    if (commit === undefined) return undefined;
    const what = near === undefined ? "file" : "line";
    const says = sayTouch(commit, deps.mask, { ...place, what });
    return { what, file, line, commit: commit.id, at: place.firstAt, says, findings: findingsOf(about, file, line) };
  }

  function findingsOf(about: FindingsOf, file: string, line?: number): readonly string[] {
    return about(file, line, findingsMax).map((one) => sayFinding(one, deps.mask));
  }

  async function answer(key: string, question: CodeQuestion, where: typeof clones): Promise<void> {
    if (ending.signal.aborted) return;
    const found = await telemetry.span("code.look_up", () => lookUp(question, where));
    // What was found stays where it cannot be looked up anew; that nothing was touched does not.
    const earlier = answers.get(key)?.touches ?? [];
    const touches = found ?? (earlier.length > 0 ? earlier : undefined);
    waiting.delete(key);
    answers.delete(key);
    answers.set(key, { askedAt: question.at, touches });
    if (answers.size > answersMax) answers.delete(answers.keys().next().value!);
  }

  return {
    touched(question) {
      const where = clonesFor(question.change, clones, deps.namesOf);
      if (where.length === 0) return undefined;
      const key = [question.change.id, ...question.files].join("\u0000");
      const known = answers.get(key);
      const fresh = known !== undefined && isFresh(known, question.at);
      if (!fresh && !waiting.has(key)) {
        if (waiting.size >= waitingMax) telemetry.count("homeostat.code.dropped", 1, { reason: "too-many-questions" });
        else {
          waiting.add(key);
          queue = queue.then(() => answer(key, question, where));
        }
      }
      return known?.touches;
    },
    trouble: () => (troubles.size === 0 ? undefined : [...troubles.values()].slice(0, 3).join("; ")),
    idle: () => queue,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await queue;
    },
  };
}

function isFresh({ askedAt, touches }: Answer, at: Instant): boolean {
  return at >= askedAt && at - askedAt < ((touches ?? []).length === 0 ? emptyFreshMs : freshMs);
}

function clonesFor<T extends RepositoryOptions>(
  { target }: ChangeEvent,
  clones: T[],
  namesOf: (entity: EntityId) => readonly string[],
): T[] {
  if (clones.length === 0) return [];
  const names = namesOf(target);
  return clones.filter(({ services }) => services.some((service) => names.includes(service)));
}
