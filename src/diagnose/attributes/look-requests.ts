// What requests have in common, as a symptom of a failure mode: evidence that they are of one value, or that they are of all alike.
import type { Entity, EntityId } from "../../model/entity.ts";
import type {
  AttributeReport,
  AttributeValue,
  RequestAttribute,
  RequestTrouble,
} from "../../model/request-attributes.ts";
import { nameOf } from "../../model/tenant.ts";
import type { Finding } from "../scene.ts";
import { kindOf } from "../topology.ts";

/** What carries less than half of what is more than before is not what it is about. */
const explainsMin = 0.5;
/** Attributes whose values are entities, or facts of them. */
const placed: ReadonlySet<RequestAttribute> = new Set(["replica", "node", "gpu", "version", "model"]);

/** Unknown: no such trouble is seen in requests, or they do not say these attributes. */
export function ofRequests(
  id: string,
  {
    attributes,
    troubles,
  }: { readonly attributes: readonly RequestAttribute[]; readonly troubles: readonly RequestTrouble[] },
  entity: EntityId,
  known: Entity | undefined,
  report: AttributeReport | undefined,
): Finding {
  const seen = report?.troubles.filter(({ trouble }) => troubles.includes(trouble)) ?? [];
  for (const { carriers } of seen) {
    for (const carrier of carriers) {
      const values = [...carrier.values, ...carrier.alike].filter(({ attribute }) => attributes.includes(attribute));
      if (carrier.explains < explainsMin || !values.some((value) => isOf(value, entity, known))) continue;
      const evidence = {
        kind: "requests",
        says: carrier.says,
        at: report!.at,
        entity,
        subject: id,
        observed: carrier.share,
        expected: { low: 0, high: carrier.shareExpected },
      } as const;
      return { state: "present", evidence };
    }
  }
  const isTold = seen.some(
    ({ carriers, even }) =>
      even.some((attribute) => attributes.includes(attribute)) ||
      carriers.some(({ values, alike }) =>
        [...values, ...alike].some(({ attribute }) => attributes.includes(attribute)),
      ),
  );
  return { state: isTold ? "absent" : "unknown" };
}

/** A replica that is not the one whose requests are slow is not meant; a deployment is, whichever of its replicas it is. */
function isOf({ attribute, value }: AttributeValue, entity: EntityId, known: Entity | undefined): boolean {
  const kind = kindOf(entity);
  if (!placed.has(attribute) || kind === "deployment" || kind === "service") return true;
  const name = nameOf(entity);
  if (attribute === kind) return name === value || known?.place?.["pod"] === value;
  if (attribute === "version" || attribute === "model") return known?.labels[attribute] === value;
  return known?.place?.[attribute] === value;
}
