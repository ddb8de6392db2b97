// What a side of a comparison is: `version=1.2,model=m`, read into tests of attributes.
import type { Labels } from "../model/labels.ts";
import type { AttributeTest, SideQuery } from "../model/ports/request-history.ts";
import { isTenant } from "../model/tenant.ts";
import type { GpuBook } from "./gpus.ts";

export interface Side {
  /** As it was asked for. */
  readonly label: string;
  readonly query: SideQuery;
  /** The labels that say what it is, so that they are no confounders. */
  readonly names: ReadonlySet<string>;
}

/** Why a text is no side, with what to write instead. */
export interface NoSide {
  readonly mistake: string;
}

/** Attributes behind the names people use, best first; any other name is the attribute of that name. */
const keysOf: Readonly<Record<string, readonly string[]>> = {
  version: ["service.version"],
  model: ["gen_ai.response.model", "gen_ai.request.model", "model_name", "model"],
  node: ["k8s.node.name", "host.name", "node"],
  deployment: ["k8s.deployment.name", "service.name"],
  service: ["service.name"],
  replica: ["service.instance.id", "k8s.pod.name", "instance"],
  image: ["container.image.id", "container.image.name"],
  namespace: ["k8s.namespace.name", "service.namespace"],
};
const partsMax = 8;
const valueMax = 256;
const howTo = "write NAME=VALUE such as version=1.2 or model=m,node=gpu-7";

/** A name that comes twice takes either value; different names must all hold. */
export function sideOf(text: string, gpus: GpuBook): Side | NoSide {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > partsMax) return { mistake: `has more than ${partsMax} conditions; ${howTo}` };
  const wanted = new Map<string, string[]>();
  for (const part of parts) {
    const mark = part.indexOf("=");
    const [name, value] = [part.slice(0, mark).trim(), part.slice(mark + 1).trim()];
    if (mark < 1 || !/^[A-Za-z_][\w./-]{0,127}$/.test(name)) return { mistake: `is not a side; ${howTo}` };
    if (value === "" || value.length > valueMax || !/^\P{Cc}+$/u.test(value))
      return { mistake: `has no value of 1 to ${valueMax} plain characters for ${name}; ${howTo}` };
    wanted.set(name, [...(wanted.get(name) ?? []), value]);
  }
  const tests: AttributeTest[] = [];
  let tenants: readonly string[] | undefined;
  for (const [name, values] of wanted) {
    if (name === "tenant") {
      if (!values.every(isTenant)) return { mistake: "names a tenant that cannot be one; see receive.keys" };
      tenants = values;
    } else if (name === "gpu") {
      const nodes = values.flatMap((value) => gpus.nodesWith(value));
      if (nodes.length === 0) {
        const known = gpus.models().join(", ") || "none: their metrics tell (DCGM, nvidia_smi, hw.gpu)";
        return { mistake: `names a GPU that no node is known to have; known are ${known}` };
      }
      tests.push({ keys: keysOf["node"]!, values: nodes });
    } else tests.push({ keys: Object.hasOwn(keysOf, name) ? keysOf[name]! : [name], values });
  }
  return {
    label: text.trim(),
    query: { tests, ...(tenants === undefined ? {} : { tenants }) },
    names: new Set(wanted.keys()),
  };
}

/** Whether attributes (of a series, then of its resource) pass all tests. */
export function passes(tests: readonly AttributeTest[], attributes: Labels, resource: Labels): boolean {
  return tests.every(({ keys, values }) => {
    for (const key of keys) {
      const said = attributes[key] || resource[key];
      if (said !== undefined && said !== "") return values.includes(said);
    }
    return false;
  });
}
