// Log records in, template counts and findings out: the face of this folder.
import type { Labels } from "../../model/labels.ts";
import type { MadeSample, SeriesSink } from "../../model/ports/series-sink.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import { type ChangeOptions, type LogFinding, type Scope, testStep } from "./changes.ts";
import { type EngineLine, parseEngineLine } from "./engine-lines.ts";
import { type KernelEvent, parseKernelLine } from "./kernel.ts";
import { restoreMiner, snapshotMiner } from "./miner-snapshot.ts";
import { inferSeverity, severityName } from "./severity.ts";
import { foldTrace, traceLine } from "./stack.ts";
import { createTemplateBook, type Template } from "./template-book.ts";

export interface LogMinerOptions extends ChangeOptions {
  readonly maxTemplates: number;
  /** Line forms remembered, for speed only. */
  readonly maxForms: number;
  /** Pairs of service and version counted; lines of further ones are still given a template. */
  readonly maxScopes: number;
  /** Characters of the example kept of each template. */
  readonly maxExample: number;
}

export const logMinerDefaults: LogMinerOptions = {
  maxTemplates: 5000,
  maxForms: 50_000,
  maxScopes: 500,
  maxExample: 300,
  referenceSteps: 60,
  graceSteps: 10,
  alpha: 1e-3,
  burstRatio: 3,
};

export interface MinedRecord {
  readonly at: Instant;
  readonly service: string;
  readonly version?: string;
  /** OpenTelemetry's number; 0 where the record has none. */
  readonly severity: number;
  /** The body, already masked by whoever received it: it is kept as an example. */
  readonly text: string;
}

export interface Mined {
  readonly templateId: string;
  readonly severity: number;
  readonly kernel?: KernelEvent;
  readonly engine?: EngineLine;
}

export interface TemplateView {
  readonly id: string;
  readonly text: string;
  readonly lines: number;
  readonly severity: string;
  readonly example: string;
}

export interface LogMiner {
  take(record: MinedRecord): Mined;
  /** Ends the step of counts at `at`: puts them into the sink and says what changed. */
  endStep(at: Instant): readonly LogFinding[];
  templates(): readonly TemplateView[];
  snapshot(): Uint8Array;
  /** Into an empty miner. False, and nothing changed, for bytes that are not a snapshot of this version. */
  restore(bytes: Uint8Array): boolean;
}

export interface LogMinerDeps {
  readonly telemetry: Telemetry;
  readonly sink: SeriesSink;
}

/** Pure but for its two ports; time comes with the records. A new version of a service begins with the counts of its last. */
export function createLogMiner(options: LogMinerOptions, deps: LogMinerDeps): LogMiner {
  const drop = (reason: string, amount = 1): void =>
    deps.telemetry.count("homeostat.detect.dropped", amount, { reason: `log-${reason}` });
  const book = createTemplateBook({ ...options, dropped: drop });
  const scopes = new Map<string, Scope>();
  const facts = new Map<string, { severity: number; example: string }>();

  function take(record: MinedRecord): Mined {
    const trace = foldTrace(record.text);
    const text = trace === undefined ? record.text : traceLine(trace);
    const template = book.add(text);
    const severity = record.severity > 0 ? record.severity : inferSeverity(record.text);
    const known = facts.get(template.id);
    if (known === undefined) facts.set(template.id, { severity, example: record.text.slice(0, options.maxExample) });
    // The most severe one stands for the template, so that its series has one label value.
    else if (severity > known.severity) known.severity = severity;
    const scope = scopeOf(record.service, record.version ?? "");
    if (scope === undefined) drop("scopes");
    else count(scope, template);
    const kernel = parseKernelLine(record.text);
    const engine = parseEngineLine(record.text);
    return {
      templateId: template.id,
      severity,
      ...(kernel === undefined ? {} : { kernel }),
      ...(engine === undefined ? {} : { engine }),
    };
  }

  function scopeOf(service: string, version: string): Scope | undefined {
    const key = JSON.stringify([service, version]);
    const known = scopes.get(key);
    if (known !== undefined || scopes.size >= options.maxScopes) return known;
    const before = [...scopes.values()].findLast((one) => one.service === service);
    const byId = new Map(
      [...(before?.byId ?? [])].map(([id, one]) => [id, { ...one, now: 0, past: one.past.slice() }]),
    );
    const scope = { service, version, byId, steps: before?.steps ?? 0, mixTold: false };
    scopes.set(key, scope);
    return scope;
  }

  function endStep(at: Instant): readonly LogFinding[] {
    const samples: MadeSample[] = [];
    const found: LogFinding[] = [];
    for (const [key, scope] of scopes) {
      gather(scope);
      const resource: Labels = {
        "service.name": scope.service,
        ...(scope.version === "" ? {} : { "service.version": scope.version }),
      };
      for (const [id, one] of scope.byId) {
        if (one.now === 0) continue;
        const attributes = { template_id: id, severity: severityName(facts.get(id)?.severity ?? 0) };
        samples.push({
          metric: "log_template_records",
          unit: "",
          at,
          resource,
          attributes,
          kind: "count",
          value: one.now,
        });
      }
      const superseded = [...scope.byId.values()].every((one) => one.now === 0) && hasSuccessor(scope);
      // A version that was replaced did not fall silent.
      if (superseded) scopes.delete(key);
      else found.push(...testStep(scope, at, options));
    }
    deps.sink.put(samples, at);
    const alive = new Set(book.all().map((template) => template.id));
    for (const id of facts.keys()) if (!alive.has(id)) facts.delete(id);
    return found;
  }

  function hasSuccessor(scope: Scope): boolean {
    return [...scopes.values()].findLast((one) => one.service === scope.service) !== scope;
  }

  /** Counts of templates that became one. */
  function gather(scope: Scope): void {
    for (const [id, one] of [...scope.byId]) {
      const into = book.resolve(one.template);
      if (into.id === id) continue;
      scope.byId.delete(id);
      const target = scope.byId.get(into.id);
      if (target === undefined) scope.byId.set(into.id, { ...one, template: into });
      else {
        target.now += one.now;
        target.past = added(target.past, one.past);
      }
    }
  }

  return {
    take,
    endStep,
    templates: () =>
      book.all().map((template) => ({
        id: template.id,
        text: book.text(template),
        lines: template.lines,
        severity: severityName(facts.get(template.id)?.severity ?? 0),
        example: facts.get(template.id)?.example ?? "",
      })),
    snapshot: () => snapshotMiner(book, scopes.values(), facts),
    restore: (bytes) => restoreMiner(bytes, book, scopes, facts),
  };
}

function count(scope: Scope, template: Template): void {
  const known = scope.byId.get(template.id);
  if (known === undefined) scope.byId.set(template.id, { template, now: 1, past: [], silent: false });
  else {
    known.template = template;
    known.now++;
  }
}

/** Aligned at their ends, which are the same step. */
function added(a: readonly number[], b: readonly number[]): number[] {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  return long.map((value, i) => value + (short[i - (long.length - short.length)] ?? 0));
}
