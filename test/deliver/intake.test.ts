// Alerts of other systems: placed, known again, ended, bounded, and never our own come back.
import { expect, it, test } from "vitest";
import { createIntake } from "../../src/deliver/feeds/intake.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { Labels } from "../../src/model/labels.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

const now = Date.parse("2026-03-02T10:00:00Z");
const minutes = 60_000;
const entity = (id: string): Entity => ({ id, kind: "replica", name: id.split(":").slice(1).join(":"), labels: {} });
const entities = [
  "replica:vllm-0",
  "replica:10.0.0.1:8000",
  "node:gpu-7",
  "replica:10.0.0.2:8000",
  "replica:10.0.0.2:8001",
].map(entity);
const open = () => createIntake("eu-1", silentTelemetry);
const foreign = (labels: Labels, more: object = {}) => ({
  labels: { alertname: "A", ...labels },
  annotations: {},
  ...more,
});

it.each<[Labels, string | undefined]>([
  [{ pod: "vllm-0" }, "replica:vllm-0"],
  [{ entity: "node:gpu-7", pod: "vllm-0" }, "node:gpu-7"],
  [{ instance: "10.0.0.1:8000" }, "replica:10.0.0.1:8000"],
  [{ instance: "10.0.0.1:9100" }, "replica:10.0.0.1:8000"],
  // Two engines share the host: an exporter's port says nothing about which.
  [{ instance: "10.0.0.2:9100" }, undefined],
  [{ Hostname: "gpu-7", job: "dcgm" }, "node:gpu-7"],
  [{ cluster: "vllm-0" }, undefined],
])("labels %j are about %s", (labels, expected) => {
  const intake = open();
  intake.take([foreign(labels)], now, 5 * minutes);
  expect(intake.firing(now, entities)[0]?.entity).toBe(expected);
});

test("the same alert again is one, an end ends it, and silence ends it too", () => {
  const intake = open();
  expect(intake.take([foreign({ a: "1" }), foreign({ a: "2" })], now, 5 * minutes)).toMatchObject({ taken: 2 });
  expect(intake.changed(now, [])).toHaveLength(2);
  expect(intake.take([foreign({ a: "1" })], now + minutes, 5 * minutes)).toMatchObject({ taken: 0, repeated: 1 });
  expect(intake.changed(now + minutes, [])).toEqual([]);
  intake.take([foreign({ a: "2" }, { endsAt: now + 2 * minutes })], now + 2 * minutes, 5 * minutes);
  const [ended] = intake.changed(now + 2 * minutes, []);
  expect(ended).toMatchObject({ state: "inactive", labels: { a: "2" }, resolvedAt: now + 2 * minutes });
  expect(intake.firing(now + 5 * minutes, [])).toHaveLength(1);
  expect(intake.changed(now + 6 * minutes, [])).toMatchObject([{ state: "inactive", labels: { a: "1" } }]);
  expect(intake.firing(now + 6 * minutes, [])).toEqual([]);
});

test("our own alerts are known by label and by annotation; another Homeostat's are evidence", () => {
  const intake = open();
  const own = [foreign({ homeostat: "eu-1" }), { ...foreign({ x: "1" }), annotations: { homeostat: "eu-1" } }];
  expect(intake.take([...own, foreign({ homeostat: "us-1" })], now, minutes)).toMatchObject({ own: 2, taken: 1 });
});

test("what comes beyond the limit is refused and counted, what is known is still taken", () => {
  const intake = open();
  const many = Array.from({ length: 5001 }, (_, n) => foreign({ n: String(n) }));
  expect(intake.take(many, now, minutes)).toMatchObject({ taken: 5000, dropped: 1 });
  expect(intake.take(many.slice(0, 1), now, minutes)).toMatchObject({ repeated: 1, dropped: 0 });
});

test("a beginning in the future is now, and a restart keeps what fires", () => {
  const intake = open();
  intake.take([foreign({ a: "1" }, { startsAt: now + 60 * minutes })], now, minutes);
  const again = open();
  again.restore(JSON.parse(JSON.stringify(intake.snapshot())));
  expect(again.firing(now, [])[0]?.activeAt).toBe(now);
});
