// Which pages to scrape: named in the configuration, in discovery files, or by an HTTP discovery endpoint.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { Labels } from "../../model/labels.ts";
import { parseYamlAs } from "../../model/yaml.ts";
import { fetchPage } from "./fetch-page.ts";

export interface ScrapeJob {
  readonly job: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly scheme: "http" | "https";
  readonly path: string;
  readonly targets: readonly string[];
  /** Files in Prometheus's file_sd format, YAML or JSON; read again at every discovery. */
  readonly files: readonly string[];
  /** Endpoints in Prometheus's http_sd format. */
  readonly endpoints: readonly string[];
  readonly labels: Labels;
  readonly authorization?: string | undefined;
}

export interface Target {
  readonly job: string;
  readonly instance: string;
  readonly url: string;
  readonly labels: Labels;
}

export interface Discovered {
  readonly targets: readonly Target[];
  /** What could not be read; targets known from there before should be kept. */
  readonly problems: readonly string[];
}

const Groups = z.array(
  z.strictObject({ targets: z.array(z.string().min(1)), labels: z.record(z.string(), z.string()).default({}) }),
);
const targetsMax = 10_000;
const listBytesMax = 1024 * 1024;

/** All targets of a job now, each `host:port` once. */
export async function discover(job: ScrapeJob): Promise<Discovered> {
  const problems: string[] = [];
  const groups: z.infer<typeof Groups> = [{ targets: [...job.targets], labels: {} }];
  for (const file of job.files) await gather(file, () => readFile(file, "utf8"), groups, problems);
  for (const url of job.endpoints) {
    await gather(
      url,
      () => fetchPage({ url, timeoutMs: job.timeoutMs, maxBytes: listBytesMax, authorization: job.authorization }),
      groups,
      problems,
    );
  }
  const found = new Map<string, Target>();
  for (const group of groups) {
    for (const instance of group.targets) {
      if (found.size >= targetsMax) {
        problems.push(`${job.job}: more than ${targetsMax} targets; the rest is left out`);
        return { targets: [...found.values()], problems };
      }
      const {
        __metrics_path__: path = job.path,
        __scheme__: scheme = job.scheme,
        ...labels
      } = { ...job.labels, ...group.labels };
      const url = `${scheme}://${instance}${path}`;
      if (!URL.canParse(url)) problems.push(`${job.job}: target "${instance}" is not host:port`);
      else
        found.set(url, {
          job: job.job,
          instance,
          url,
          labels: Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith("__"))),
        });
    }
  }
  return { targets: [...found.values()], problems };
}

async function gather(
  name: string,
  read: () => Promise<string>,
  groups: z.infer<typeof Groups>,
  problems: string[],
): Promise<void> {
  try {
    const text = await read();
    const json = groupsOfJson(text);
    if (json !== undefined) {
      groups.push(...json);
      return;
    }
    // JSON is YAML, so what is wrong with either is said with its line.
    const parsed = parseYamlAs(name, text, Groups);
    if (parsed.ok) groups.push(...parsed.value);
    else problems.push(...parsed.mistakes.map((mistake) => `${name}: ${mistake.says}`));
  } catch (error) {
    problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Lists of thousands of targets come as JSON, and a parser of YAML would take seconds over them. */
function groupsOfJson(text: string): z.infer<typeof Groups> | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  try {
    return Groups.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
