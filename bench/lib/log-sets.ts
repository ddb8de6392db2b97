// Log parsing benchmark folders: `<System>/<anything>_structured*.csv` with the columns Content and EventTemplate.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { withEntries } from "./with-entries.ts";

export interface LogSet {
  readonly name: string;
  readonly lines: readonly string[];
  readonly templates: readonly string[];
}

export interface Accuracy {
  readonly ga: number;
  readonly fga: number;
  readonly pa: number;
  readonly fta: number;
  readonly groups: number;
  readonly trueGroups: number;
}

/** The sets of a folder: its subfolders, or itself. Folders without a structured file are passed over. */
export function readLogSets(dir: string): readonly LogSet[] {
  return withEntries(dir)
    .filter((folder) => statSync(folder).isDirectory())
    .flatMap((folder) => {
      const file = readdirSync(folder)
        .sort()
        .find((name) => /_structured.*\.csv$/.test(name));
      return file === undefined
        ? []
        : [readSet(folder.split(/[\\/]/).at(-1)!, readFileSync(join(folder, file), "utf8"))];
    });
}

function readSet(name: string, csv: string): LogSet {
  const rows = parseCsv(csv);
  const head = rows[0] ?? [];
  const content = head.indexOf("Content");
  const template = head.indexOf("EventTemplate");
  if (content < 0 || template < 0) throw new Error(`${name}: no columns Content and EventTemplate`);
  const body = rows.slice(1).filter((row) => row.length > Math.max(content, template));
  return { name, lines: body.map((row) => row[content]!), templates: body.map((row) => row[template]!) };
}

/** RFC 4180, LF or CRLF. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') {
        field += c;
        i++;
      } else quoted = false;
    } else if (c === '"' && field === "") quoted = true;
    else if (c === ",") {
      row.push(field);
      field = "";
    } else if (c === "\n") {
      row.push(field.endsWith("\r") ? field.slice(0, -1) : field);
      rows.push(row);
      row = [];
      field = "";
    } else field += c;
  }
  if (field !== "" || row.length > 0) rows.push([...row, field]);
  return rows;
}

/**
 * GA: share of lines whose group holds exactly the lines of their true group. FGA: F1 over groups right in that sense.
 * PA: share of lines with the true text. FTA: F1 over templates with the right group and the true text (stricter than
 * the published script, which asks that no other line be in the group, but not that all be).
 */
export function accuracyOf(truth: readonly string[], groups: readonly string[], texts: readonly string[]): Accuracy {
  const trueSizes = sizes(truth);
  const foundSizes = sizes(groups);
  const meets = sizes(truth.map((one, i) => `${one}\u0000${groups[i]}`));
  const right = new Map<string, boolean>();
  let ga = 0;
  let pa = 0;
  for (let i = 0; i < truth.length; i++) {
    const size = trueSizes.get(truth[i]!)!;
    const same = foundSizes.get(groups[i]!) === size && meets.get(`${truth[i]}\u0000${groups[i]}`) === size;
    const text = plain(truth[i]!) === plain(texts[i]!);
    if (same) {
      ga++;
      right.set(groups[i]!, text);
    }
    if (text) pa++;
  }
  const f1 = (hits: number): number => (2 * hits) / (foundSizes.size + trueSizes.size);
  return {
    ga: ga / truth.length,
    fga: f1(right.size),
    pa: pa / truth.length,
    fta: f1([...right.values()].filter(Boolean).length),
    groups: foundSizes.size,
    trueGroups: trueSizes.size,
  };
}

function plain(template: string): string {
  return template.trim().replace(/\s+/g, " ");
}

function sizes(keys: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  return found;
}
