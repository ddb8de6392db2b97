// Looking at what a change brought into the code that fails since.
import type { Alert } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import type { SymptomSpec } from "../model/failure-mode.ts";
import type { CodeHistory } from "../model/ports/code-history.ts";
import type { Finding, Scene } from "./scene.ts";
import { sentence } from "./words.ts";

/** An onset is only known to the step, so a change may seem to come a little after what it caused. */
const skewMs = 60_000;
/** More than these would not be read. */
const furtherMax = 4;
const filesMax = 20;
/** A rule's annotation that names the files it is about, with blanks or commas between. */
const filesAnnotation = "code";

/** Changes of the kinds to the entity or its scope that may have set the trouble off, the closest to its onset first. */
export function changesBefore(
  scene: Scene,
  entity: EntityId,
  kinds: readonly string[],
  withinMs: number,
): readonly ChangeEvent[] {
  const until = Math.min(scene.onset + skewMs, scene.knownAt);
  return (scene.changes ?? [])
    .filter(({ target }) => target === entity || target === scene.scope)
    .filter(({ kind, at }) => kinds.includes(kind) && at >= scene.onset - withinMs && at <= until)
    .sort((a, b) => Math.abs(scene.onset - a.at) - Math.abs(scene.onset - b.at) || (a.id < b.id ? -1 : 1));
}

export function ofCode(
  spec: SymptomSpec,
  entity: EntityId,
  { changeKinds, withinMs, touched }: Extract<SymptomSpec["source"], { kind: "code" }>,
  scene: Scene,
  code: CodeHistory,
): Finding {
  const files = filesOf(scene.alerts ?? []);
  for (const change of changesBefore(scene, entity, changeKinds, withinMs)) {
    const touches = code.touched({ change, at: scene.at, files });
    if (touches === undefined) continue;
    const [first, ...others] = touches.filter(({ what }) => what === touched);
    if (first === undefined) return { state: "absent" };
    const evidenceOf = (says: string, at: number, subject: string, ref?: string): Evidence => ({
      kind: "code",
      says: `${sentence(spec.says, entity, Number.NaN)}: ${says}`,
      at,
      entity,
      subject,
      ...(ref === undefined ? {} : { ref }),
    });
    const placeOf = ({ file, line }: (typeof touches)[number]): string =>
      line === undefined ? file : `${file}:${line}`;
    const findings = [...new Set([first, ...others].flatMap((touch) => touch.findings))];
    const further = [
      ...others.map((touch) => evidenceOf(touch.says, touch.at, placeOf(touch), touch.commit)),
      ...findings.map((says) => ({ ...evidenceOf("", first.at, placeOf(first)), says })),
    ];
    return {
      state: "present",
      evidence: evidenceOf(first.says, first.at, placeOf(first), first.commit),
      ...(further.length === 0 ? {} : { further: further.slice(0, furtherMax) }),
    };
  }
  return { state: "unknown" };
}

function filesOf(alerts: readonly Alert[]): readonly string[] {
  const named = alerts.flatMap(({ annotations }) => (annotations[filesAnnotation] ?? "").split(/[\s,]+/));
  const paths = named.map((path) => path.replace(/^\.?\/+|\/+$/g, "")).filter((path) => path !== "");
  return [...new Set(paths)].sort((a, b) => (a < b ? -1 : 1)).slice(0, filesMax);
}
