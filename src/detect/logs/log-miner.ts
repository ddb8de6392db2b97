// Log records in; template counts and findings out, step by step of event time.
import { entityId } from "../../model/entity.ts";
import { stableId } from "../../model/ids.ts";
import type { Labels } from "../../model/labels.ts";
import type { LogFinding } from "../../model/log-finding.ts";
import type { MadeSample } from "../../model/ports/series-sink.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { nameWithin } from "../../model/tenant.ts";
import type { Instant } from "../../model/time.ts";
import { type Change, testStep } from "./changes.ts";
import type { LogMinerOptions } from "./miner-options.ts";
import { type MinerTime, restoreMiner, snapshotMiner, type TemplateFacts } from "./miner-snapshot.ts";
import { sayChange } from "./say-change.ts";
import {
  type Counted,
  countLine,
  createScope,
  gather,
  isYoung,
  newCounted,
  type Scope,
  scopeKey,
  succeed,
} from "./scope.ts";
import { inferSeverity, severityName } from "./severity.ts";
import { foldTrace, traceLine } from "./stack.ts";
import { createTemplateBook, type Template } from "./template-book.ts";

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
 * cut into pages. Each service has its own time, since each is shipped by itself, the past of one after the present of
 * another. A new version of a service begins with the counts of its last.
 */
export function createLogMiner(options: LogMinerOptions, telemetry: Telemetry, tenant?: string): LogMiner {
  const { stepMs } = options;
  const drop = (reason: string, amount = 1): void =>
    telemetry.count("homeostat.detect.dropped", amount, { reason: `log-${reason}` });
  let evicted = false;
  const book = createTemplateBook({
    ...options,
    dropped(reason, amount) {
      evicted ||= reason === "templates";
      drop(reason, amount);
    },
  });
  const scopes = new Map<string, Scope>();
  const facts = new Map<string, TemplateFacts>();
  const time: MinerTime = { newest: Number.NEGATIVE_INFINITY, swept: Number.NEGATIVE_INFINITY };
  const aheadMax = Math.ceil(options.latenessMs / stepMs) + 1;
  let counted = 0;
  let samples: MadeSample[] = [];
  let findings: LogFinding[] = [];

  function take(record: MinedRecord): Template {
    const { at, text } = record;
    if (at > time.newest) time.newest = at;
    sweep();
    const trace = foldTrace(text);
    const template = book.add(trace === undefined ? text : traceLine(trace));
    if (evicted) prune();
    const known = facts.get(template.id);
    if (known === undefined) {
      const severity = record.severity > 0 ? record.severity : inferSeverity(text);
      facts.set(template.id, { severity, example: text.slice(0, options.maxExample), lastAt: at });
    } else {
      // The most severe one stands for the template, so that its series has one label value.
      if (record.severity > known.severity) known.severity = record.severity;
      if (at > known.lastAt) known.lastAt = at;
    }
    countIn(record, template);
    return template;
  }

  function countIn(record: MinedRecord, template: Template): void {
    const { at } = record;
    const scope = scopeOf(record);
    if (scope === undefined) {
      drop("scopes");
      return;
    }
    scope.heardAt = time.newest;
    scope.open ??= Math.floor(at / stepMs);
    if (at < scope.newest - options.tooLateMs) {
      drop("late");
      return;
    }
    if (at > scope.newest) scope.newest = at;
    endSteps(scope, scope.newest - options.latenessMs);
    if (scopes.get(scopeKey(scope.service, scope.version)) !== scope) {
      // It was replaced, and its silence ended it: it speaks again, and begins with what its successor knows.
      countIn(record, template);
      return;
    }
    const one = countedIn(scope, template);
    if (one === undefined) {
      drop("counted");
      return;
    }
    const young = isYoung(scope, record.instance ?? "", at, options.startMs, options.maxInstances);
    const ahead = Math.floor(at / stepMs) - scope.open;
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
    const key = scopeKey(service, version);
    const known = scopes.get(key);
    if (known !== undefined || scopes.size >= options.maxScopes) return known;
    const before = [...scopes.values()].findLast((one) => one.service === service);
    const scope = before === undefined ? createScope({ service, version, deployment }) : succeed(before, version);
    counted += scope.byId.size;
    scopes.set(key, scope);
    return scope;
  }

  /** Once a step: who said nothing while others went on for so long is silent, and its steps end too. */
  function sweep(): void {
    const step = Math.floor(time.newest / stepMs);
    if (step <= time.swept) return;
    time.swept = step;
    for (const scope of [...scopes.values()])
      if (time.newest - scope.heardAt > options.tooLateMs) endSteps(scope, time.newest - options.tooLateMs);
    prune();
  }

  function endSteps(scope: Scope, through: Instant): void {
    if (scope.open === undefined) return;
    const last = Math.floor(through / stepMs) - 1;
    // A silence of days is as long as the reference is.
    const limit = options.referenceSteps + aheadMax;
    for (let done = 0; scope.open <= last; done++) {
      if (done >= limit) {
        scope.open = last + 1;
        break;
      }
      const before = scope.byId.size;
      endStep(scope, (scope.open + 1) * stepMs);
      counted += scope.byId.size - before;
      scope.open++;
    }
  }

  function endStep(scope: Scope, at: Instant): void {
    gather(scope, book);
    const { service, version } = scope;
    const resource: Labels = {
      ...(service === "" ? {} : { "service.name": service }),
      ...(version === "" ? {} : { "service.version": version }),
    };
    for (const [id, one] of scope.byId) {
      if (one.now === 0 && !one.past.slice(-options.zeroSteps).some((count) => count > 0)) continue;
      const attributes = { template_id: id, severity: severityName(facts.get(id)?.severity ?? 0) };
      const about = { metric: "log_template_records", unit: "", at, resource, attributes };
      samples.push({ ...about, kind: "count", value: one.now, ...(tenant === undefined ? {} : { tenant }) });
    }
    const silent = [...scope.byId.values()].every((one) => one.now === 0 && one.ahead.length === 0);
    // A version that was replaced did not fall silent.
    if (!silent || !hasSuccessor(scope)) tell(scope, at, testStep(scope, options));
    else {
      scopes.delete(scopeKey(service, version));
      scope.byId.clear();
    }
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

  /** Lets go of what is kept of templates that are no more. */
  function prune(): void {
    evicted = false;
    const alive = new Set(book.all());
    const ids = new Set([...alive].map((template) => template.id));
    for (const id of facts.keys()) if (!ids.has(id)) facts.delete(id);
    for (const scope of scopes.values()) {
      gather(scope, book);
      for (const [id, template] of scope.known) if (!alive.has(template)) scope.known.delete(id);
      for (const [id, { template }] of scope.byId) if (!alive.has(template) && scope.byId.delete(id)) counted--;
    }
  }

  return {
    take,
    advance(through) {
      for (const scope of [...scopes.values()]) endSteps(scope, through);
    },
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
