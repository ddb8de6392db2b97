// An incident of an entity keeps all that belongs to it out of baselines.
import { expect, test } from "vitest";
import { descendantsOf, withDescendants } from "../../src/app/descendants.ts";
import type { Entity } from "../../src/model/entity.ts";

const entity = (id: string, parent?: string): Entity =>
  ({ id, kind: "replica", name: id, labels: {}, ...(parent === undefined ? {} : { parent }) }) as Entity;

const fleet = [
  entity("node:n1"),
  entity("gpu:g1", "node:n1"),
  entity("container:slice", "gpu:g1"),
  entity("replica:deep", "container:slice"),
  entity("replica:elsewhere", "node:n2"),
];

test("an exclusion reaches all that belongs to its entity, however far down, and nothing else", () => {
  const exclusion = { entity: "node:n1", from: 5, to: 9, reason: "incident" };
  const reached = withDescendants([exclusion], fleet);
  expect(reached.map((one) => one.entity)).toEqual(["node:n1", "gpu:g1", "container:slice", "replica:deep"]);
  expect(reached.every(({ from, to, reason }) => from === 5 && to === 9 && reason === "incident")).toBe(true);
});

test("entities that are said to belong to each other are each reached once", () => {
  expect(descendantsOf("a", [entity("a", "b"), entity("b", "a"), entity("c", "b")])).toEqual(["b", "c"]);
});
