// Log records in; template counts and findings out, step by step of event time.
import { entityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { Labels } from "../../model/labels.ts";
import type { LogFinding } from "../../model/log-finding.ts";
import type { MadeSample } from "../../model/ports/series-sink.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { type Change, type ChangeOptions, testStep } from "./changes.ts";
import { restoreMiner, snapshotMiner } from "./miner-snapshot.ts";
import { sayChange } from "./say-change.ts";
import { type Counted, countLine, createScope, gather, isYoung, newCounted, type Scope, succeed } from "./scope.ts";
import { inferSeverity, severityName } from "./severity.ts";
import { foldTrace, traceLine } from "./stack.ts";
import { createTemplateBook, type Template } from "./template-book.ts";

export interface LogMinerOptions extends ChangeOptions {
  readonly stepMs: DurationMs;
  /** How long a step waits for late records. */
  readonly latenessMs: DurationMs;
  /** Records later than this behind the newest are given a template, and counted nowhere. */
  readonly tooLateMs: DurationMs;
  /** How long an instance counts as starting: what it says is learned, and nothing is found in it. */
  readonly startMs: DurationMs;
  readonly maxTemplates: number;
  /** Line forms remembered, for speed only. */
  readonly maxForms: number;
  /** Pairs of service and version counted; lines of further ones are still given a template. */
  readonly maxScopes: number;
  /** Templates counted, those of each service and version by themselves. */
  readonly maxCounted: number;
  /** Instances remembered of each service and version. */
  readonly maxInstances: number;
  /** Findings told of a service and version at one step, the most severe first. */
  readonly maxFindings: number;
  /** Characters of the example kept of each template. */
  readonly maxExample: number;
  /** Steps for which a template that has fallen silent still says zero, so that its rate is seen to fall. */
  readonly zeroSteps: number;
}

export const logMinerDefaults: LogMinerOptions = {
  stepMs: 30_000,
  latenessMs: 5000,
  tooLateMs: 120_000,
  startMs: 300_000,
  maxTemplates: 5000,
  maxForms: 50_000,
  maxScopes: 500,
  maxCounted: 20_000,
  maxInstances: 1000,
  maxFindings: 5,
  maxExample: 300,
  zeroSteps: 20,
  referenceSteps: 120,
  graceSteps: 20,
  // With a thousand services and a step of half a minute, one false change in some three weeks if lines came as assumed.
  alpha: 1e-8,
  burstRatio: 3,
  burstLines: 10,
  mixShare: 0.25,
};

export interface MinedRecord {
  readonly at: Instant;
  readonly service: string;
  readonly version?: string;
  /** Which of the service's instances; all without one are one. */
  readonly instance?: string;
  /** Name of the deployment, where it is not the service's. */
  readonly deployment?: string;
  /** OpenTelemetry's number; 0 where the record has none. */
  readonly severity: number;
  /** The body, already masked by whoever received it: it is kept as an example. */
  readonly text: string;
}

export interface TemplateView {
  readonly id: string;
  readonly text: string;
  /** Since it was first seen. */
  readonly lines: number;
  readonly severity: string;
  readonly example: string;
  /** Event time of its newest line. */
  readonly lastAt: Instant;
}

/** What is kept of each template beside its form. */
export interface TemplateFacts {
  severity: number;
  example: string;
  lastAt: Instant;
}

/** Where event time stands, beside what `restore` takes from snapshots. */
export interface MinerTime {
  /** Number of the step that is counted now. */
  open: number | undefined;
  newest: Instant;
}

export interface LogMiner {
  /** The template of the record, which is counted. Ends the steps that its time shows to be over. */
  take(record: MinedRecord): Template;
  /** Ends the steps that were over by `through`, for when nothing comes any more. */
  advance(through: Instant): void;
  /** Samples and findings of the steps that ended since the last call. */
  drain(): { readonly samples: readonly MadeSample[]; readonly findings: readonly LogFinding[] };
  templates(): readonly TemplateView[];
  snapshot(): Uint8Array;
  /** Into an empty miner. False, and nothing changed, for bytes that are not a snapshot of this version. */
  restore(bytes: Uint8Array): boolean;
}

/**
 * Pure: time comes with the records, so that the same records in the same order give the same answer, however they are
 * cut into pages. A new version of a service begins with the counts of its last.
 */
export function createLogMiner(options: LogMinerOptions, telemetry: Telemetry, tenant?: string): LogMiner {
  const { stepMs } = options;
  const drop = (reason: string, amount = 1): void =>
    telemetry.count("homeostat.detect.dropped", amount, { reason: `log-${reason}` });
  const book = createTemplateBook({ ...options, dropped: drop });
  const scopes = new Map<string, Scope>();
  const facts = new Map<string, TemplateFacts>();
  const time: MinerTime = { open: undefined, newest: Number.NEGATIVE_INFINITY };
  const aheadMax = Math.ceil(options.latenessMs / stepMs) + 1;
  let counted = 0;
  let samples: MadeSample[] = [];
  let findings: LogFinding[] = [];

  function take(record: MinedRecord): Template {
    const { at, text } = record;
    if (at > time.newest) time.newest = at;
    time.open ??= Math.floor(at / stepMs);
    advance(time.newest - options.latenessMs);
    const trace = foldTrace(text);
    const template = book.add(trace === undefined ? text : traceLine(trace));
    const known = facts.get(template.id);
    if (known === undefined) {
      const severity = record.severity > 0 ? record.severity : inferSeverity(text);
      facts.set(template.id, { severity, example: text.slice(0, options.maxExample), lastAt: at });
    } else {
      // The most severe one stands for the template, so that its series has one label value.
      if (record.severity > known.severity) known.severity = record.severity;
      if (at > known.lastAt) known.lastAt = at;
    }
    if (at < time.newest - options.tooLateMs) drop("late");
    else countIn(record, template);
    return template;
  }

  function countIn(record: MinedRecord, template: Template): void {
    const scope = scopeOf(record);
    const one = scope === undefined ? undefined : countedIn(scope, template);
    if (scope === undefined || one === undefined) {
      drop(scope === undefined ? "scopes" : "counted");
      return;
    }
    const young = isYoung(scope, record.instance ?? "", record.at, options.startMs, options.maxInstances);
    const ahead = Math.floor(record.at / stepMs) - time.open!;
    countLine(one, Math.min(aheadMax, Math.max(0, ahead)), young);
  }

  function countedIn(scope: Scope, template: Template): Counted | undefined {
    let one = scope.byId.get(template.id);
    if (one === undefined) {
      if (counted >= options.maxCounted) return undefined;
      counted++;
      one = newCounted(template);
      scope.byId.set(template.id, one);
    }
    one.template = template;
    return one;
  }

  function scopeOf({ service, version = "", deployment = service }: MinedRecord): Scope | undefined {
    const key = JSON.stringify([service, version]);
    const known = scopes.get(key);
    if (known !== undefined || scopes.size >= options.maxScopes) return known;
    const before = [...scopes.values()].findLast((one) => one.service === service);
    const scope = before === undefined ? createScope({ service, version, deployment }) : succeed(before, version);
    counted += scope.byId.size;
    scopes.set(key, scope);
    return scope;
  }

  function advance(through: Instant): void {
    if (time.open === undefined) return;
    const last = Math.floor(through / stepMs) - 1;
    // A silence of days is as long as the reference is.
    const limit = options.referenceSteps + aheadMax;
    for (let done = 0; time.open <= last; done++) {
      if (done >= limit) {
        time.open = last + 1;
        break;
      }
      endStep((time.open + 1) * stepMs);
      time.open++;
    }
  }

  function endStep(at: Instant): void {
    for (const [key, scope] of scopes) {
      gather(scope, book);
      const resource: Labels = {
        ...(scope.service === "" ? {} : { "service.name": scope.service }),
        ...(scope.version === "" ? {} : { "service.version": scope.version }),
      };
      for (const [id, one] of scope.byId) {
        if (one.now === 0 && !one.past.slice(-options.zeroSteps).some((count) => count > 0)) continue;
        const attributes = { template_id: id, severity: severityName(facts.get(id)?.severity ?? 0) };
        const about = { metric: "log_template_records", unit: "", at, resource, attributes };
        samples.push({ ...about, kind: "count", value: one.now, ...(tenant === undefined ? {} : { tenant }) });
      }
      const silent = [...scope.byId.values()].every((one) => one.now === 0 && one.ahead.length === 0);
      // A version that was replaced did not fall silent.
      if (silent && hasSuccessor(scope)) scopes.delete(key);
      else tell(scope, at, testStep(scope, options));
    }
    counted = [...scopes.values()].reduce((sum, scope) => sum + scope.byId.size, 0);
    prune();
  }

  function hasSuccessor(scope: Scope): boolean {
    return [...scopes.values()].findLast((one) => one.service === scope.service) !== scope;
  }

  function tell(scope: Scope, at: Instant, changes: readonly Change[]): void {
    const severityOf = ({ templateId }: Change): number => facts.get(templateId ?? "")?.severity ?? 0;
    const sorted = changes.toSorted((a, b) => severityOf(b) - severityOf(a));
    if (sorted.length > options.maxFindings) drop("findings", sorted.length - options.maxFindings);
    for (const change of sorted.slice(0, options.maxFindings)) findings.push(findingOf(scope, at, change));
  }

  function findingOf({ service, version, deployment }: Scope, at: Instant, change: Change): LogFinding {
    const { kind, templateId, observed, expected } = change;
    const template = book.all().find((one) => one.id === templateId);
    const about = facts.get(templateId ?? "");
    const severity = severityName(about?.severity ?? 0);
    const name = nameWithin(tenant, deployment === "" ? "unknown" : deployment);
    const text = template === undefined ? undefined : book.text(template).slice(0, options.maxExample);
    return {
      id: stableId("log-finding", tenant ?? "", kind, service, version, templateId ?? "", at),
      ...change,
      at,
      entity: entityId("deployment", name),
      service,
      version,
      ...(tenant === undefined ? {} : { tenant }),
      severity,
      ...(text === undefined ? {} : { template: text, example: about?.example ?? "" }),
      says: sayChange(kind, `${service} ${version}`.trim() || "a service without a name", severity, text, [
        observed,
        expected,
      ]),
    };
  }

  /** Lets go of the facts of templates that are no more. */
  function prune(): void {
    const alive = new Set(book.all().map((template) => template.id));
    for (const id of facts.keys()) if (!alive.has(id)) facts.delete(id);
    for (const scope of scopes.values()) for (const id of scope.known) if (!alive.has(id)) scope.known.delete(id);
  }

  return {
    take,
    advance,
    drain() {
      const drained = { samples, findings };
      samples = [];
      findings = [];
      return drained;
    },
    templates: () =>
      book.all().map((template) => {
        const { severity, example, lastAt } = facts.get(template.id) ?? { severity: 0, example: "", lastAt: 0 };
        const text = book.text(template);
        return { id: template.id, text, lines: template.lines, severity: severityName(severity), example, lastAt };
      }),
    snapshot() {
      prune();
      return snapshotMiner({ book, scopes, facts, time });
    },
    restore(bytes) {
      const taken = restoreMiner(bytes, { book, scopes, facts, time });
      counted = [...scopes.values()].reduce((sum, scope) => sum + scope.byId.size, 0);
      return taken;
    },
  };
}
