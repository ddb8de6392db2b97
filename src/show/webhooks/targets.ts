// What a sender's repository, application or model is here: by the configuration's mapping, else by the same name.
import type { ChangeKind } from "../../model/change.ts";
import { type Entity, type EntityId, entityId } from "../../model/entity.ts";
import type { SenderName, ToldChange } from "./sender.ts";

/** One line of the mapping. */
export interface TargetRule {
  readonly from?: SenderName | undefined;
  /** As the sender names it, in any case; `*` at its end matches any rest. */
  readonly name: string;
  /** Only deployments to this environment; only pushes to this branch. */
  readonly environment?: string | undefined;
  readonly branch?: string | undefined;
  readonly target: EntityId;
  /** What such a change is here, where the sender's own word says less. */
  readonly kind?: ChangeKind | undefined;
}

export interface Placed {
  readonly target: EntityId;
  readonly kind: ChangeKind;
  /** The mapping says so: it is not to be thought better of. */
  readonly fixed?: true;
}

export type Place =
  | { readonly kind: "placed"; readonly places: readonly Placed[]; readonly known: boolean }
  | { readonly kind: "nowhere"; readonly why: string };

/** One model may be served by several deployments; more than so many is a mistake of names. */
const placesMax = 20;
/** Labels by which an entity is known beside its name. */
const nameLabels = ["model", "app", "deployment", "service"];

export function placeOf(
  sender: SenderName,
  told: ToldChange,
  rules: readonly TargetRule[],
  entities: readonly Entity[],
  onlyMapped: boolean,
): Place {
  const names = told.names.map((name) => name.toLowerCase());
  const named = rules.filter(
    (rule) => (rule.from ?? sender) === sender && names.some((name) => fits(rule.name.toLowerCase(), name)),
  );
  const mapped = named.filter(
    ({ environment, branch }) =>
      (environment === undefined || told.environment === undefined || environment === told.environment) &&
      (branch === undefined ? told.sideBranch !== true : branch === told.branch),
  );
  if (mapped.length > 0) {
    const places = mapped.map(
      ({ target, kind }): Placed => (kind === undefined ? { target, kind: told.kind } : { target, kind, fixed: true }),
    );
    return { kind: "placed", places: distinct(places), known: true };
  }
  if (told.sideBranch === true) return { kind: "nowhere", why: "branch" };
  // Whoever mapped the name said which of its environments and branches count.
  if (named.length > 0) return { kind: "nowhere", why: "environment or branch not mapped" };
  if (onlyMapped) return { kind: "nowhere", why: "not mapped" };
  const same = sameName(names, entities).map((target) => ({ target, kind: told.kind }));
  if (same.length > 0) return { kind: "placed", places: same.slice(0, placesMax), known: true };
  const short = told.names
    .at(-1)!
    .replace(/\p{Cc}/gu, "")
    .slice(0, 200);
  const unknown = { target: entityId("deployment", short), kind: told.kind };
  return short === "" ? { kind: "nowhere", why: "no name" } : { kind: "placed", places: [unknown], known: false };
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** A deployment, else a service of that name, else what consists of entities that say so in a label. */
function sameName(names: readonly string[], entities: readonly Entity[]): readonly EntityId[] {
  const isNamed = ({ name }: Entity): boolean =>
    names.includes(name.toLowerCase()) || names.includes(name.slice(name.lastIndexOf("/") + 1).toLowerCase());
  for (const kind of ["deployment", "service"]) {
    const found = entities.filter((entity) => entity.kind === kind && isNamed(entity));
    if (found.length > 0) return found.map(({ id }) => id);
  }
  // Deployments that have no telemetry of their own are known by their replicas.
  const parents = entities.flatMap(({ parent, kind }) => (kind === "replica" && parent !== undefined ? [parent] : []));
  const byParent = [...new Set(parents)].filter((id) => {
    const name = id.slice(id.indexOf(":") + 1).toLowerCase();
    return names.includes(name) || names.includes(name.slice(name.lastIndexOf("/") + 1));
  });
  if (byParent.length > 0) return byParent;
  const labelled = entities.filter(({ labels }) =>
    nameLabels.some((label) => names.includes((labels[label] ?? "").toLowerCase())),
  );
  return [...new Set(labelled.map(({ id, parent, kind }) => (kind === "replica" ? (parent ?? id) : id)))];
}

function distinct(places: readonly Placed[]): readonly Placed[] {
  return places.filter(({ target }, i) => places.findIndex((one) => one.target === target) === i).slice(0, placesMax);
}
