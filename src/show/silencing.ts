// Silences by the API: made, changed and ended by people with the role, and written into the change log.

import type { z } from "zod";
import { stableId } from "../model/ids.ts";
import type { Silence, SilenceInput, SilenceOutcome } from "../model/ports/alerting.ts";
import type { Principal } from "../model/principal.ts";
import { type Instant, parseDuration } from "../model/time.ts";
import { fromV2, silenceInput, silenceV2, type silenceV2Shown, toV2 } from "./alerting-schemas.ts";
import { fromStore, refuse, refuseIssues } from "./problem.ts";
import type { ShowDeps } from "./route.ts";

type Who = { readonly deps: ShowDeps; readonly principal: Principal };

export async function addSilence(body: unknown, who: Who): Promise<Silence> {
  const parsed = silenceInput.safeParse(body);
  if (!parsed.success) throw refuseIssues(parsed.error.issues);
  const { matchers, comment, duration } = parsed.data;
  const now = who.deps.now();
  const startsAt = instant(parsed.data.startsAt) ?? now;
  const lasts = duration === undefined ? undefined : parseDuration(duration);
  const endsAt = instant(parsed.data.endsAt) ?? (lasts === undefined ? undefined : startsAt + lasts);
  if (endsAt === undefined) {
    throw refuse(
      400,
      "endsAt: is missing, and duration is not one either. Say until when, or for how long such as 2h.",
    );
  }
  return add({ matchers, startsAt, endsAt, comment, createdBy: who.principal.name }, who);
}

export async function addSilenceV2(body: unknown, who: Who): Promise<Silence> {
  const parsed = silenceV2.safeParse(body);
  if (!parsed.success) throw refuseIssues(parsed.error.issues);
  const { id, matchers, startsAt, endsAt, createdBy, comment } = parsed.data;
  const input = {
    matchers: matchers.map(fromV2),
    startsAt: Date.parse(startsAt),
    endsAt: Date.parse(endsAt),
    comment,
    createdBy,
  };
  return add(id === undefined || id === "" ? input : { ...input, id }, who);
}

/** Ends it; it stays listed. */
export async function endSilence(id: string, who: Who): Promise<Silence> {
  const { silences } = who.deps.alerting;
  const now = who.deps.now();
  const before = silences.list().find((one) => one.id === id);
  const ended = done(silences.end(id, now));
  if (before !== undefined && before.endsAt > now) await audit("ended", ended, who, now);
  return ended;
}

export function findSilence(id: string, deps: ShowDeps): Silence {
  return deps.alerting.silences.list().find((one) => one.id === id) ?? missing();
}

export function shownV2(silence: Silence, now: Instant): z.output<typeof silenceV2Shown> {
  const { id, matchers, startsAt, endsAt, updatedAt, createdBy, comment } = silence;
  const text = (at: Instant): string => new Date(at).toISOString();
  return {
    id,
    status: { state: endsAt <= now ? "expired" : startsAt > now ? "pending" : "active" },
    matchers: matchers.map(toV2),
    startsAt: text(startsAt),
    endsAt: text(endsAt),
    updatedAt: text(updatedAt),
    createdBy,
    comment,
  };
}

async function add(input: SilenceInput, who: Who): Promise<Silence> {
  const { silences } = who.deps.alerting;
  const now = who.deps.now();
  const silence = done(silences.add(input, now));
  try {
    await audit(input.id === undefined ? "made" : "changed", silence, who, now);
  } catch (error) {
    // What nobody can look up later does not take effect.
    silences.end(silence.id, now);
    throw error;
  }
  return silence;
}

async function audit(what: string, silence: Silence, { deps, principal }: Who, now: Instant): Promise<void> {
  const matchers = silence.matchers.map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`).join(", ");
  const until = new Date(silence.endsAt).toISOString();
  const summary = `silence ${what}: {${matchers}} until ${until}: ${silence.comment}`.slice(0, 1000);
  const id = stableId("silence", silence.id, what, now);
  const by = principal.name;
  await fromStore(deps.telemetry, "recording a silence", () =>
    deps.changes.add({ id, at: now, kind: "other", target: "service:homeostat", summary, by }),
  );
  await fromStore(deps.telemetry, "saving a silence", deps.alerting.save);
}

function done(outcome: SilenceOutcome): Silence {
  if (outcome.kind === "done") return outcome.silence;
  if (outcome.kind === "unknown") return missing();
  throw refuse(outcome.kind === "full" ? 503 : 400, `${outcome.reason}.`);
}

function missing(): never {
  throw refuse(404, "There is no such silence. Take an id from /api/v1/silences; it may have ended days ago.");
}

function instant(value: string | number | undefined): Instant | undefined {
  return typeof value === "string" ? Date.parse(value) : value;
}
