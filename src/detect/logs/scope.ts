// What is known of the log lines of one version of a service: counts of each template, step by step.
import type { Instant } from "../../model/time.ts";
import type { Template, TemplateBook } from "./template-book.ts";

export interface Counted {
  template: Template;
  /** Lines of the open step. */
  now: number;
  /** Those of them from instances that have just started: they are learned, and nothing is found in them. */
  young: number;
  /** Lines of the steps after the open one, and their young ones: what comes early waits here. */
  readonly ahead: [lines: number, young: number][];
  /** Lines of the steps before, newest last. */
  past: number[];
  /** Whether its silence was told already. */
  silent: boolean;
}

export interface Scope {
  readonly service: string;
  readonly version: string;
  /** What it is an entity by: the deployment's name, or the service's. */
  readonly deployment: string;
  readonly byId: Map<string, Counted>;
  /** Templates that were seen here once, by id: none of them is new. */
  readonly known: Map<string, Template>;
  /** When each instance was first seen. */
  readonly instances: Map<string, Instant>;
  /** Steps with lines. */
  steps: number;
  mixTold: boolean;
  /** Number of the step that is counted now; undefined before the first line. */
  open: number | undefined;
  /** Newest event time of its own lines, and of anybody's when its last line came. */
  newest: Instant;
  heardAt: Instant;
}

/** Names of services hold no line feeds that matter: two that do may be one. */
export function scopeKey(service: string, version: string): string {
  return `${service}\n${version}`;
}

export function createScope(names: Pick<Scope, "service" | "version" | "deployment">): Scope {
  const never = Number.NEGATIVE_INFINITY;
  const time = { open: undefined, newest: never, heardAt: never };
  return { ...names, ...time, byId: new Map(), known: new Map(), instances: new Map(), steps: 0, mixTold: false };
}

/** A new version of a service begins with what its last one said. */
export function succeed(before: Scope, version: string): Scope {
  const names = { service: before.service, deployment: before.deployment, version };
  const byId = new Map(
    [...before.byId].map(([id, one]) => [id, { ...one, now: 0, young: 0, ahead: [], past: one.past.slice() }]),
  );
  return { ...createScope(names), byId, known: new Map(before.known), steps: before.steps };
}

export function newCounted(template: Template): Counted {
  return { template, now: 0, young: 0, ahead: [], past: [], silent: false };
}

/** Adds a line to the open step, or to the one `ahead` steps later. */
export function countLine(one: Counted, ahead: number, young: boolean): void {
  if (ahead === 0) {
    one.now++;
    if (young) one.young++;
    return;
  }
  while (one.ahead.length < ahead) one.ahead.push([0, 0]);
  const slot = one.ahead[ahead - 1]!;
  slot[0]++;
  if (young) slot[1]++;
}

/** Whether the instance was first seen less than `graceMs` before `at`. At most `instancesMax` are remembered, newest first. */
export function isYoung(scope: Scope, instance: string, at: Instant, graceMs: number, instancesMax: number): boolean {
  const since = scope.instances.get(instance);
  if (since !== undefined) return at - since < graceMs;
  if (scope.instances.size >= instancesMax) {
    for (const oldest of scope.instances.keys()) {
      scope.instances.delete(oldest);
      break;
    }
  }
  scope.instances.set(instance, at);
  // The first one of a service is waited for by the service's own grace.
  return graceMs > 0 && scope.steps > 0;
}

/** Under their new id, the counts of templates that became one, and what is known of them. */
export function gather(scope: Scope, book: TemplateBook): void {
  for (const [id, template] of [...scope.known]) {
    const into = book.resolve(template);
    if (into === template) continue;
    scope.known.delete(id);
    scope.known.set(into.id, into);
  }
  for (const [id, one] of [...scope.byId]) {
    const into = book.resolve(one.template);
    if (into.id === id) continue;
    scope.byId.delete(id);
    const target = scope.byId.get(into.id);
    if (target === undefined) scope.byId.set(into.id, { ...one, template: into });
    else {
      target.now += one.now;
      target.young += one.young;
      for (const [i, [lines, young]] of one.ahead.entries()) {
        while (target.ahead.length <= i) target.ahead.push([0, 0]);
        target.ahead[i]![0] += lines;
        target.ahead[i]![1] += young;
      }
      target.past = added(target.past, one.past);
    }
  }
}

/** Aligned at their ends, which are the same step. */
function added(a: readonly number[], b: readonly number[]): number[] {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return long.map((value, i) => value + (short[i - (long.length - short.length)] ?? 0));
}
