// The templates of log lines, found online. A line's masked form either is known (one look into a table), or is matched
// against generalised templates of its shape, or becomes a template; templates that differ in one word only become one
// once so many words were seen there that it must be a variable.
import { createScan, type Scan } from "./atoms.ts";
import {
  fits,
  generalise,
  keyOf,
  keyWith,
  overlap,
  type Pattern,
  patternOf,
  shapeOf,
  textOf,
  wordsNeeded,
} from "./pattern.ts";
import { scanLine } from "./scan.ts";
import { createSkeletonTable } from "./skeleton.ts";

export interface TemplateBookOptions {
  /** At most so many templates; past it the quarter used longest ago goes. */
  readonly maxTemplates: number;
  /** At most so many masked forms remembered; past it they are forgotten, to be matched again. */
  readonly maxForms: number;
  /** Called with what was let go, and why. */
  readonly dropped?: (reason: "templates" | "forms", amount: number) => void;
}

export interface Template {
  /** Stays the same for as long as the template lives, also when it becomes more general. */
  readonly id: string;
  pattern: Pattern;
  /** Order of birth. */
  readonly serial: number;
  /** Value of the book's line counter at its last line. */
  lastUse: number;
  lines: number;
  /** Set when it was taken into a more general one. */
  into: Template | undefined;
}

export interface TemplateBook {
  /** The template of this line, made if need be. Ask {@link TemplateBook.resolve} later: templates become one. */
  add(text: string): Template;
  /** The template this one is part of by now. */
  resolve(template: Template): Template;
  text(template: Template): string;
  /** Those alive, oldest first. */
  all(): readonly Template[];
  /** Takes back templates in the order {@link TemplateBook.all} gave them, into an empty book. */
  readmit(template: Pick<Template, "id" | "pattern" | "lines" | "lastUse">): Template;
}

/**
 * Templates in the spirit of Drain (He et al., ICWS 2017): fixed work per line, one pass. Masks decide first, then the
 * variety of words at one position. Blind to variables that are plain words seen in few forms, and to two neighbouring
 * variables of free text.
 */
export function createTemplateBook(options: TemplateBookOptions): TemplateBook {
  const scan = createScan();
  const forms = new Map<number, Template>();
  const live = new Set<Template>();
  const byShape = new Map<number, Template[]>();
  const buckets = new Map<number, Template[]>();
  const skeletons = createSkeletonTable<Template>(options.maxForms, (entries) => options.dropped?.("forms", entries));
  let lines = 0;
  let serials = 0;

  function add(text: string): Template {
    lines++;
    let template = skeletons.get(text);
    if (template === undefined) {
      template = scanned(text);
      skeletons.put(template);
      if (live.size > options.maxTemplates) evict(template);
    } else if (template.into !== undefined) {
      template = resolve(template);
      skeletons.put(template);
    }
    template.lines++;
    template.lastUse = lines;
    return template;
  }

  function scanned(text: string): Template {
    scanLine(text, scan);
    const key = keyOf(scan.hash, scan.count);
    const known = forms.get(key);
    if (known !== undefined) {
      const template = resolve(known);
      if (template.pattern.weak > 0) notice(template.pattern, scan);
      return template;
    }
    const template = place(patternOf(text, scan), key);
    if (forms.size >= options.maxForms) {
      options.dropped?.("forms", forms.size);
      forget();
    }
    forms.set(key, template);
    return template;
  }

  function place(pattern: Pattern, key: number): Template {
    const shape = shapeOf(pattern);
    let found: Template | undefined;
    // The eldest of those that fit: an order that survives restarts.
    for (const candidate of byShape.get(shape) ?? []) {
      if (!candidate.pattern.general || (found !== undefined && candidate.serial > found.serial)) continue;
      if (fits(candidate.pattern, pattern)) found = candidate;
    }
    if (found !== undefined) {
      if (found.pattern.weak > 0) noticePattern(found.pattern, pattern);
      return found;
    }
    const template = admit(key.toString(36), pattern);
    return settle(template);
  }

  function admit(id: string, pattern: Pattern): Template {
    const template: Template = { id, pattern, serial: serials++, lastUse: lines, lines: 0, into: undefined };
    live.add(template);
    list(byShape, shapeOf(pattern)).push(template);
    return template;
  }

  /** Enters the template where one word is left open, and makes one of those that meet there in sufficient number. */
  function settle(template: Template): Template {
    const { pattern } = template;
    for (let at = 0; at < pattern.count; at++) {
      const needed = wordsNeeded(pattern, at);
      if (needed === 0) continue;
      const members = list(buckets, keyWith(pattern, at));
      members.push(template);
      if (members.length >= needed) return unite(members.slice(), at);
    }
    return template;
  }

  /** The eldest becomes general at `at` and takes the others in. */
  function unite(members: readonly Template[], at: number): Template {
    const eldest = members.reduce((a, b) => (a.serial < b.serial ? a : b));
    for (const member of members) withdraw(member);
    eldest.pattern = generalise(eldest.pattern, at);
    for (const member of members) {
      if (member === eldest) continue;
      member.into = eldest;
      eldest.lines += member.lines;
      eldest.lastUse = Math.max(eldest.lastUse, member.lastUse);
      live.delete(member);
    }
    live.add(eldest);
    const peers = list(byShape, shapeOf(eldest.pattern));
    // Whatever else the general form covers belongs to it too.
    for (const peer of peers.slice()) {
      if (!fits(eldest.pattern, peer.pattern)) continue;
      withdraw(peer);
      peer.into = eldest;
      eldest.lines += peer.lines;
      live.delete(peer);
    }
    // A form that two of them cover was given to one when the other did not cover it yet; what is remembered must not
    // differ from what would be found.
    if (peers.some((peer) => peer.pattern.general && overlap(peer.pattern, eldest.pattern))) forget();
    list(byShape, shapeOf(eldest.pattern)).push(eldest);
    return settle(eldest);
  }

  /** Out of all indexes. */
  function withdraw(template: Template): void {
    const { pattern } = template;
    remove(byShape, shapeOf(pattern), template);
    for (let at = 0; at < pattern.count; at++) {
      if (wordsNeeded(pattern, at) > 0) remove(buckets, keyWith(pattern, at), template);
    }
  }

  function resolve(template: Template): Template {
    let found = template;
    while (found.into !== undefined) found = found.into;
    return found;
  }

  function evict(spared: Template): void {
    const oldest = [...live].sort((a, b) => a.lastUse - b.lastUse || a.serial - b.serial);
    const going = oldest.slice(0, Math.ceil(options.maxTemplates / 4)).filter((one) => one !== spared);
    for (const template of going) {
      withdraw(template);
      live.delete(template);
    }
    // Forms of those that went would keep them alive.
    forget();
    options.dropped?.("templates", going.length);
  }

  /** Forms are remembered for speed only. */
  function forget(): void {
    forms.clear();
    skeletons.clear();
    for (const one of live) if (!one.pattern.general) forms.set(keyOf(one.pattern.hash, one.pattern.count), one);
  }

  return {
    add,
    resolve,
    text: (template) => textOf(resolve(template).pattern),
    all: () => [...live].sort((a, b) => a.serial - b.serial),
    readmit({ id, pattern, lines: seen, lastUse }) {
      const template = admit(id, pattern);
      template.lines = seen;
      template.lastUse = lastUse;
      lines = Math.max(lines, lastUse);
      if (!pattern.general) forms.set(keyOf(pattern.hash, pattern.count), template);
      return settle(template);
    },
  };
}

/** Marks weak words of which a second form was seen. */
function notice(pattern: Pattern, scan: Scan): void {
  if (scan.count !== pattern.count) return;
  for (let i = 0; i < pattern.count; i++) {
    if (pattern.raw[i] !== scan.raw[i] && pattern.kind[i] === 4) pattern.varied[i] = 1;
  }
}

function noticePattern(pattern: Pattern, other: Pattern): void {
  for (let i = 0; i < pattern.count; i++) {
    if (pattern.kind[i] === 4 && pattern.raw[i] !== other.raw[i]) pattern.varied[i] = 1;
  }
}

function list(map: Map<number, Template[]>, key: number): Template[] {
  let found = map.get(key);
  if (found === undefined) {
    found = [];
    map.set(key, found);
  }
  return found;
}

function remove(map: Map<number, Template[]>, key: number, template: Template): void {
  const found = map.get(key);
  if (found === undefined) return;
  const at = found.indexOf(template);
  if (at >= 0) found.splice(at, 1);
  if (found.length === 0) map.delete(key);
}
