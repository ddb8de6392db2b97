// What belongs to what: replicas, pods, nodes, GPUs and the scope their trouble is trouble of.
import { expect, test } from "vitest";
import { createTopology } from "../../src/diagnose/topology.ts";
import type { Entity, EntityKind } from "../../src/model/entity.ts";

function entity(kind: EntityKind, name: string, parent?: string, place: Record<string, string> = {}): Entity {
  return { id: `${kind}:${name}`, kind, name, labels: {}, place, ...(parent === undefined ? {} : { parent }) };
}

const fleet = [
  entity("replica", "chat-0", "deployment:chat", { node: "n0", pod: "chat-0" }),
  entity("replica", "chat-1", "deployment:chat", { node: "n1", pod: "chat-1" }),
  entity("replica", "code-0", "deployment:code", { node: "n1", pod: "code-0" }),
  entity("gpu", "GPU-a", "node:n0", { node: "n0", pci: "00000000:9B:00.0" }),
  entity("gpu", "GPU-b", "node:n1", { node: "n1", pod: "chat-1" }),
  entity("gpu", "GPU-c", "node:n1", { node: "n1" }),
  entity("node", "n1"),
  entity("container", "ns/chat-1/engine", "deployment:chat", { pod: "chat-1" }),
  entity("service", "gateway"),
];

function topology(entities: readonly Entity[] = fleet) {
  const made = createTopology();
  made.update(entities);
  return made;
}

test("trouble of a GPU, container or node is trouble of the one deployment it serves", () => {
  const { scopeOf } = topology();
  expect(scopeOf("replica:chat-0")).toBe("deployment:chat");
  expect(scopeOf("gpu:GPU-a")).toBe("deployment:chat");
  expect(scopeOf("gpu:GPU-b")).toBe("deployment:chat");
  expect(scopeOf("container:ns/chat-1/engine")).toBe("deployment:chat");
  // Nobody tells of this node, but it is where the replica says it is.
  expect(scopeOf("node:n0")).toBe("deployment:chat");
});

test("what two deployments share is a scope of its own", () => {
  const { scopeOf } = topology();
  expect(scopeOf("node:n1")).toBe("node:n1");
  expect(scopeOf("gpu:GPU-c")).toBe("node:n1");
});

test("relations run both ways and by way of replicas", () => {
  const { related, members } = topology();
  expect(related("replica:chat-0", "gpu")).toEqual(["gpu:GPU-a"]);
  expect(related("gpu:GPU-b", "replica")).toEqual(["replica:chat-1"]);
  expect(related("gpu:GPU-b", "deployment")).toEqual(["deployment:chat"]);
  expect(related("deployment:chat", "replica")).toEqual(["replica:chat-0", "replica:chat-1"]);
  expect(related("deployment:chat", "gpu")).toEqual(["gpu:GPU-a", "gpu:GPU-b"]);
  expect(related("node:n1", "replica")).toEqual(["replica:chat-1", "replica:code-0"]);
  expect(related("replica:chat-0", "replica")).toEqual(["replica:chat-0"]);
  expect(related("deployment:chat", "service")).toEqual(["service:gateway"]);
  expect(related("replica:nobody", "gpu")).toEqual([]);
  expect(members("deployment:chat")).toEqual(
    expect.arrayContaining(["container:ns/chat-1/engine", "deployment:chat", "gpu:GPU-a", "replica:chat-1"]),
  );
});

test("a log record names its replica, its node, and the GPU by its bus address however it is written", () => {
  const { namedBy } = topology();
  const record = (resource: Record<string, string>, body = "") => ({
    at: 0,
    service: "",
    severity: 9,
    body,
    resource,
    attributes: {},
  });
  expect(namedBy(record({ "service.instance.id": "chat-0", "host.name": "n0" }))).toEqual([
    "replica:chat-0",
    "node:n0",
  ]);
  const xid = "NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.";
  expect(namedBy(record({ "host.name": "n0" }, xid))).toEqual(["gpu:GPU-a", "node:n0"]);
  expect(namedBy(record({ "host.name": "n1" }, xid))).toEqual(["node:n1"]);
  expect(namedBy(record({}))).toEqual([]);
});

test("entities that left are forgotten", () => {
  const made = topology();
  made.update([]);
  expect(made.scopeOf("replica:chat-0")).toBe("replica:chat-0");
  expect(made.related("deployment:chat", "replica")).toEqual([]);
});

test("a GPU goes by its own name once that is known, and clouds' bus addresses differ by their domain only", () => {
  const { nowCalled, scopeOf, namedBy } = topology([
    ...fleet,
    entity("gpu", "GPU-x", "node:n9", { node: "n9", pci: "00000001:00:00.0" }),
    entity("gpu", "GPU-y", "node:n9", { node: "n9", pci: "00000002:00:00.0" }),
  ]);
  expect(nowCalled("gpu:n0/0000:9b:00")).toBe("gpu:GPU-a");
  expect(scopeOf("gpu:n0/0000:9b:00")).toBe("deployment:chat");
  expect(nowCalled("gpu:n0/0000:1b:00")).toBe("gpu:n0/0000:1b:00");
  const body = "NVRM: Xid (PCI:0002:00:00): 79, GPU has fallen off the bus.";
  const about = { at: 0, service: "", severity: 9, attributes: {}, resource: { "host.name": "n9" } };
  expect(namedBy({ ...about, body })).toEqual(["gpu:GPU-y", "node:n9"]);
});

test("an event of Kubernetes is placed by the object it is about", () => {
  const { namedBy } = topology();
  const event = (object: string) => ({
    at: 0,
    service: "kubernetes-events",
    severity: 13,
    body: "Liveness probe failed",
    resource: { "k8s.object.name": object },
    attributes: {},
  });
  expect(namedBy(event("chat-0"))).toEqual(["replica:chat-0"]);
  expect(namedBy(event("n1"))).toEqual(["node:n1"]);
  expect(namedBy(event("somebody-else"))).toEqual([]);
});
