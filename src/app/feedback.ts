// What people say: kept as records, made into series, and, of diagnoses, into the odds of causes.
import { learnedModes, lessonOf } from "../diagnose/learned-odds.ts";
import type { Entity } from "../model/entity.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { DiagnosisVerdict, Feedback, Rating } from "../model/feedback.ts";
import { stableId } from "../model/ids.ts";
import type { FeedbackDesk, FeedbackOutcome, VerdictInput } from "../model/ports/feedback.ts";
import type { Records } from "../model/ports/records.ts";
import type { MadeSample, SeriesSink } from "../model/ports/series-sink.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";
import { feedbackTextKey } from "../receive/privacy/default-rules.ts";
import type { RedactText } from "../receive/privacy/redact-text.ts";
import type { State } from "./state.ts";

export interface Feedbacks extends FeedbackDesk {
  /** The catalogue with the odds that verdicts moved. */
  learned(): readonly FailureMode[];
}

const stateName = "feedback";
/** Verdicts that count; beyond it the oldest are let go. */
const verdictsMax = 5000;
/** Names of services and models that are told apart in series. */
const namesMax = 200;
const scoreBounds = [0, 0.25, 0.5, 0.75];

export async function openFeedback(
  catalogue: readonly FailureMode[],
  redact: RedactText,
  deps: {
    readonly records: Records;
    readonly head: SeriesSink & { entities(): readonly Entity[] };
    readonly state: Pick<State, "load" | "save">;
    readonly telemetry: Telemetry;
    readonly now: () => Instant;
  },
): Promise<Feedbacks> {
  const { records, head, telemetry, now } = deps;
  const verdicts = new Map((await restore()).map((one) => [one.id, one]));
  const [services, models] = [createNames(), createNames()];
  let learned = learnedModes(catalogue, [...verdicts.values()]);
  let ratings = 0;

  async function restore(): Promise<readonly DiagnosisVerdict[]> {
    const bytes = await deps.state.load(stateName);
    try {
      if (bytes !== undefined)
        return (JSON.parse(new TextDecoder().decode(bytes)) as DiagnosisVerdict[]).filter(isVerdict);
    } catch (error) {
      telemetry.log.warn("the state of feedback cannot be read; records are asked instead", { error: String(error) });
    }
    return (await records.list("feedback", { limit: 1000 })).filter(isVerdict).toReversed();
  }

  async function keep(verdict: DiagnosisVerdict): Promise<void> {
    await records.put("feedback", [verdict]);
    verdicts.delete(verdict.id);
    verdicts.set(verdict.id, verdict);
    for (const id of verdicts.keys()) {
      if (verdicts.size <= verdictsMax) break;
      verdicts.delete(id);
      telemetry.count("homeostat.app.dropped", 1, { reason: "old-verdict" });
    }
    learned = learnedModes(catalogue, [...verdicts.values()]);
    await deps.state.save(stateName, new TextEncoder().encode(JSON.stringify([...verdicts.values()])));
  }

  function tell(rating: Rating): void {
    const { at, score, model, entity: id } = rating;
    const entity = head.entities().find((one) => one.id === id);
    const resource = resourceOf(entity, rating.service === undefined ? undefined : services(rating.service));
    const kind = rating.reason ?? (score < 0.5 ? "thumbs_down" : score > 0.5 ? "thumbs_up" : "neutral");
    const attributes = model === undefined ? {} : { gen_ai_request_model: models(model) };
    const about = { unit: "", at, resource };
    const counts = new Array<number>(scoreBounds.length + 1).fill(0);
    const place = scoreBounds.findIndex((bound) => score <= bound);
    counts[place < 0 ? scoreBounds.length : place] = 1;
    const samples: MadeSample[] = [
      { ...about, metric: "homeostat_feedback_total", kind: "count", value: 1, attributes: { ...attributes, kind } },
      {
        ...about,
        metric: "homeostat_feedback_score",
        kind: "distribution",
        sum: score,
        bounds: scoreBounds,
        counts,
        attributes,
      },
    ];
    head.put(samples, at);
    telemetry.count("homeostat.app.feedback", 1, { kind });
  }

  async function judge({ diagnosis: id, verdict, cause }: VerdictInput, by: string) {
    const refuse = (
      kind: "unknown" | "wrong",
      parameter: string,
      reason: string,
    ): FeedbackOutcome<DiagnosisVerdict> => {
      return { kind, parameter, reason };
    };
    const diagnosis = (await records.list("diagnoses", { id, limit: 1 }))[0];
    const judged = diagnosis?.causes[0];
    if (diagnosis === undefined || judged === undefined)
      return refuse("unknown", "diagnosis", "is not on record; take an id from /api/v1/diagnoses");
    if (cause !== undefined && !catalogue.some((mode) => mode.id === cause))
      return refuse("unknown", "cause", "is no failure mode of the catalogue; leave it out if none fits");
    if (verdict === "confirm" && cause !== undefined && cause !== judged.failureMode)
      return refuse("wrong", "cause", "is not what was diagnosed; say deny, or leave the cause out");
    if (verdict === "deny" && cause === judged.failureMode)
      return refuse("wrong", "cause", "is what was diagnosed; say confirm, or name another");
    const feedback: DiagnosisVerdict = {
      id: stableId("verdict", id, by),
      kind: "diagnosis",
      at: now(),
      by,
      diagnosis: id,
      incident: diagnosis.incident,
      verdict,
      failureMode: judged.failureMode,
      ...(verdict === "deny" && cause !== undefined ? { rightCause: cause } : {}),
      ...lessonOf(diagnosis, catalogue),
    };
    await keep(feedback);
    telemetry.count("homeostat.app.feedback", 1, { kind: verdict });
    return { kind: "done", feedback } as const;
  }

  return {
    learned: () => learned,
    judge,
    async rate({ text, model, entity, service, score, reason }, by) {
      if (entity !== undefined && !head.entities().some(({ id }) => id === entity))
        return {
          kind: "unknown",
          parameter: "entity",
          reason: "is not known; take one from /api/v1/signals, or leave it out",
        };
      const at = now();
      const kept = text === undefined || text === "" ? undefined : redact(feedbackTextKey, text);
      const rating: Rating = {
        id: stableId("rating", at, ratings++, by),
        kind: "rating",
        at,
        by,
        score,
        ...(model === undefined ? {} : { model }),
        ...(entity === undefined ? {} : { entity }),
        ...(service === undefined ? {} : { service }),
        ...(reason === undefined ? {} : { reason }),
        ...(kept === undefined ? {} : { text: kept }),
      };
      await records.put("feedback", [rating]);
      tell(rating);
      return { kind: "done", feedback: rating };
    },
    async undo(id, by) {
      const found = (await records.list("feedback", { id, limit: 1 }))[0];
      if (found === undefined)
        return { kind: "unknown", parameter: "id", reason: "is not on record; take one from /api/v1/feedback" };
      if (found.undone !== undefined) return { kind: "done", feedback: found };
      const undone: Feedback = { ...found, undone: { at: now(), by } };
      if (undone.kind === "diagnosis") await keep(undone);
      else await records.put("feedback", [undone]);
      return { kind: "done", feedback: undone };
    },
  };
}

/** Also of what an earlier version may have saved. */
function isVerdict(feedback: Feedback): feedback is DiagnosisVerdict {
  return feedback.kind === "diagnosis" && typeof feedback.shares === "object" && Array.isArray(feedback.observed);
}

function resourceOf(entity: Entity | undefined, service: string | undefined): MadeSample["resource"] {
  const owner = (entity?.parent ?? entity?.id ?? "").replace(/^\w+:/, "");
  const name = service ?? (owner === "" ? "feedback" : owner);
  return { "service.name": name, ...(entity?.kind === "replica" ? { "service.instance.id": entity.name } : {}) };
}

/** The first names are told apart, further ones are `other`: whoever posts must not be able to make series without end. */
function createNames(): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.size < namesMax) known.add(name);
    return known.has(name) ? name : "other";
  };
}
