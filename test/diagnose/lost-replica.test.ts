// A replica that is gone while its siblings go on: found within a minute and a half, named, placed, and over when it is back.
import { describe, expect, test } from "vitest";
import type { ChangeEvent } from "../../src/model/change.ts";
import { type Answer, fleet, fleetStart, playFleet, type Told } from "./scraped-fleet.ts";

const replicas = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"];
const lost = `replica:${replicas[2]}`;
/** Seconds it was there before. */
const atSecond = 300;
const foundWithin = 90;

const gone =
  (how: Answer, until = Number.POSITIVE_INFINITY, who: readonly string[] = replicas.slice(2)) =>
  (replica: string, second: number): Answer =>
    who.includes(replica) && second >= atSecond && second < atSecond + until ? how : "page";

const opened = (told: readonly Told[]): readonly Told[] => told.filter(({ what }) => what === "opened");
const said = (told: readonly Told[]): Told | undefined => told.findLast(({ what }) => what === "diagnosed");

describe.each(["vllm", "llamacpp"] as const)("a replica of %s", (engine) => {
  test.each([
    ["refuses its scrapes", "refused", true, 5],
    ["refuses its scrapes, seldom", "refused", true, 15],
    ["pushed and pushes no more", "silent", false, 10],
  ] as const)("that %s is lost, and the incident is over when it is back", async (_, how, scraped, scrapeSeconds) => {
    const told = await playFleet({
      ...{ replicas, engine, scraped, scrapeSeconds, seconds: atSecond + 540 },
      answer: gone(how, 240),
    });
    expect(opened(told)).toHaveLength(1);
    expect(opened(told)[0]!.second - atSecond).toBeLessThanOrEqual(foundWithin);
    expect(said(told)).toMatchObject({ mode: "capacity-loss", location: lost });
    expect(said(told)!.probability).toBeGreaterThan(0.5);
    expect(told.at(-1)).toMatchObject({ what: "resolved" });
  });
});

test("calls that fail make it surer, and a router that knows better hardly less sure", async () => {
  const play = (failing: (second: number) => number) =>
    playFleet({ replicas, seconds: atSecond + 180, answer: gone("refused"), failing });
  const felt = said(await play((second) => (second < atSecond ? 0 : 1 / 3)))!;
  const unfelt = said(await play(() => 0))!;
  expect(felt).toMatchObject({ mode: "capacity-loss", location: lost });
  expect(unfelt).toMatchObject({ mode: "capacity-loss", location: lost });
  expect(felt.probability!).toBeGreaterThan(unfelt.probability!);
  expect(unfelt.probability!).toBeGreaterThan(0.5);
});

test("two of five are trouble of the deployment", async () => {
  const five = ["a:1", "b:1", "c:1", "d:1", "e:1"];
  const told = await playFleet({
    ...{ replicas: five, seconds: atSecond + 180, answer: gone("refused", 1e9, ["d:1", "e:1"]) },
    failing: (second) => (second < atSecond ? 0 : 0.4),
  });
  expect(opened(told)).toHaveLength(1);
  expect(said(told)).toMatchObject({ mode: "capacity-loss", location: fleet });
});

test.each([
  ["scraped", "refused", true],
  ["pushing", "silent", false],
] as const)("the only one, %s, is missed by its callers", async (_, how, scraped) => {
  const told = await playFleet({
    ...{ replicas: ["a:1"], seconds: atSecond + 180, answer: gone(how, 1e9, ["a:1"]), scraped },
    failing: (second) => (second < atSecond ? 0 : 1),
  });
  expect(opened(told)[0]!.second - atSecond).toBeLessThanOrEqual(120);
  expect(said(told)).toMatchObject({ mode: "capacity-loss" });
});

test("it stays lost for longer than it is remembered that it was there", async () => {
  const told = await playFleet({ replicas, seconds: atSecond + 2400, answer: gone("refused"), scrapeSeconds: 15 });
  expect(told.map(({ what }) => what)).not.toContain("resolved");
});

describe("no incident", () => {
  const change = (kind: ChangeEvent["kind"], target: string, second: number): ChangeEvent => ({
    ...{ id: `${kind}-${second}`, at: fleetStart + 1000 * second, kind, target, summary: kind },
  });

  test.each([
    ["refused", true],
    ["silent", false],
  ] as const)("when the deployment is told to be smaller (%s)", async (how, scraped) => {
    const changes = [change("scale", fleet, atSecond - 5)];
    expect(await playFleet({ replicas, seconds: atSecond + 1500, answer: gone(how), scraped, changes })).toEqual([]);
  });

  test("when its target is taken off the list", async () => {
    expect(await playFleet({ replicas, seconds: atSecond + 600, answer: gone("ended") })).toEqual([]);
  });

  test("when Kubernetes wants fewer, and nobody else tells of it", async () => {
    const also = (second: number) => [
      {
        metric: "kube_deployment_spec_replicas",
        value: second < atSecond - 15 ? 3 : 2,
        attributes: { deployment: fleet.slice("deployment:".length) },
      },
    ];
    const answer = gone("silent");
    expect(await playFleet({ replicas, seconds: atSecond + 600, answer, scraped: false, also })).toEqual([]);
  });

  test("when all are restarted in turn after a deploy", async () => {
    const downSeconds = 150;
    const answer = (replica: string, second: number): Answer => {
      const from = atSecond + 180 * replicas.indexOf(replica);
      return second >= from && second < from + downSeconds ? "refused" : "page";
    };
    const changes = [change("deploy", fleet, atSecond - 10)];
    expect(await playFleet({ replicas, seconds: atSecond + 900, answer, changes, scrapeSeconds: 15 })).toEqual([]);
  });

  test("when one is restarted within half a minute, and nobody said so", async () => {
    expect(await playFleet({ replicas, seconds: atSecond + 300, answer: gone("refused", 30) })).toEqual([]);
  });

  test("when the orchestrator tells of a restart a little late, and it is back in time", async () => {
    const changes = [change("restart", lost, atSecond + 10)];
    expect(await playFleet({ replicas, seconds: atSecond + 500, answer: gone("refused", 180), changes })).toEqual([]);
  });

  test("when everything falls silent at once", async () => {
    const told = await playFleet({
      ...{ replicas, seconds: atSecond + 240, answer: gone("silent", 1e9, replicas), scraped: false },
    });
    expect(told.filter(({ mode }) => mode === "capacity-loss")).toEqual([]);
  });
});

test("a death nobody told of is one incident for as long as it lasts, though it is back in minutes", async () => {
  const told = await playFleet({ replicas, seconds: atSecond + 500, answer: gone("refused", 100) });
  expect(opened(told)).toHaveLength(1);
  expect(said(told)).toMatchObject({ mode: "capacity-loss", location: lost });
  expect(told.at(-1)).toMatchObject({ what: "resolved" });
});

test("a restart that was told of and does not come back within ten minutes is a loss", async () => {
  const changes: ChangeEvent[] = [
    { id: "r", at: fleetStart + 1000 * (atSecond - 5), kind: "restart", target: lost, summary: "restart" },
  ];
  const told = await playFleet({ replicas, seconds: atSecond + 900, answer: gone("refused"), changes });
  expect(opened(told)).toHaveLength(1);
  expect(opened(told)[0]!.second - atSecond).toBeGreaterThan(600);
});
