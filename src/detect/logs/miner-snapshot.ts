// A miner's state as bytes, and back; nothing is taken in unless all of it is sound.
import { packParts, unpackParts } from "../snapshot.ts";
import type { Scope } from "./changes.ts";
import type { Pattern } from "./pattern.ts";
import type { Template, TemplateBook } from "./template-book.ts";

type Facts = Map<string, { severity: number; example: string }>;
const VERSION = 1;

export function snapshotMiner(book: TemplateBook, scopes: Iterable<Scope>, facts: Facts): Uint8Array {
  const templates = book.all().map((template) => {
    const { pattern } = template;
    const arrays = [pattern.kind, pattern.hash, pattern.raw, pattern.varied].map((array) => [...array]);
    return [template.id, template.lines, pattern.parts, arrays, pattern.general, pattern.cut, facts.get(template.id)];
  });
  const counts = [...scopes].map((scope) => [
    scope.service,
    scope.version,
    scope.steps,
    scope.mixTold,
    [...scope.byId.values()].map((one) => [book.resolve(one.template).id, one.now, one.past, one.silent]),
  ]);
  return packParts({ facts: { logVersion: VERSION, templates, counts }, bytes: new Map() });
}

/** False for anything but a sound snapshot. */
export function restoreMiner(bytes: Uint8Array, book: TemplateBook, scopes: Map<string, Scope>, facts: Facts): boolean {
  const parts = unpackParts(bytes)?.facts;
  if (parts?.logVersion !== VERSION || !Array.isArray(parts.templates) || !Array.isArray(parts.counts)) return false;
  const read = parts.templates.map(readTemplate);
  const counts = parts.counts.filter(isScope);
  if (read.some((one) => one === undefined) || counts.length !== parts.counts.length) return false;
  const byId = new Map<string, Template>();
  for (const one of read) {
    if (one === undefined) continue;
    byId.set(one.id, book.readmit(one.id, one.pattern, one.lines));
    if (one.facts !== undefined) facts.set(one.id, one.facts);
  }
  for (const [service, version, steps, mixTold, counted] of counts) {
    const scope: Scope = { service, version, steps, mixTold, byId: new Map() };
    for (const [id, now, past, silent] of counted) {
      const template = byId.get(id);
      if (template !== undefined) scope.byId.set(id, { template, now, past: [...past], silent });
    }
    scopes.set(JSON.stringify([service, version]), scope);
  }
  return true;
}

interface ReadTemplate {
  readonly id: string;
  readonly lines: number;
  readonly pattern: Pattern;
  readonly facts: { severity: number; example: string } | undefined;
}

function readTemplate(one: unknown): ReadTemplate | undefined {
  if (!Array.isArray(one)) return undefined;
  const [id, lines, parts, arrays, general, cut, about] = one as unknown[];
  if (typeof id !== "string" || !isCount(lines) || !Array.isArray(parts) || !Array.isArray(arrays)) return undefined;
  const count = parts.length;
  const sound = arrays.length === 4 && arrays.every((array) => areNumbers(array) && array.length === count);
  if (!sound || !parts.every((part) => typeof part === "string")) return undefined;
  const [kind, hash, raw, varied] = arrays as number[][];
  const pattern: Pattern = {
    count,
    kind: Uint8Array.from(kind!),
    hash: Int32Array.from(hash!),
    raw: Int32Array.from(raw!),
    varied: Uint8Array.from(varied!),
    parts: parts as string[],
    weak: kind!.filter((value) => value === 4).length,
    words: kind!.filter((value) => value === 0).length,
    general: general === true,
    cut: cut === true,
  };
  return { id, lines, pattern, facts: isFacts(about) ? about : undefined };
}

type ReadScope = [string, string, number, boolean, [string, number, number[], boolean][]];

function isScope(one: unknown): one is ReadScope {
  if (!Array.isArray(one) || typeof one[0] !== "string" || typeof one[1] !== "string" || !isCount(one[2])) return false;
  if (typeof one[3] !== "boolean" || !Array.isArray(one[4])) return false;
  return one[4].every(
    (entry: unknown) =>
      Array.isArray(entry) &&
      typeof entry[0] === "string" &&
      isCount(entry[1]) &&
      areNumbers(entry[2]) &&
      typeof entry[3] === "boolean",
  );
}

function isFacts(one: unknown): one is { severity: number; example: string } {
  return (
    typeof one === "object" &&
    one !== null &&
    "severity" in one &&
    isCount(one.severity) &&
    "example" in one &&
    typeof one.example === "string"
  );
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function areNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === "number" && Number.isFinite(one));
}
