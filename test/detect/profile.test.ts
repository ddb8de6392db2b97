// Series profiles: told from the first points on, honest about how few those are.
import { describe, expect, test } from "vitest";
import { createProfiles, type Hint, type Profiles } from "../../src/detect/profile.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import { quality } from "../../src/model/series.ts";

const stepMs = 10_000;
const halfHour = 180;

type Draw = (step: number, noise: () => number) => number;

function follow(
  profiles: Profiles,
  steps: number,
  draw: Draw,
  load: (step: number) => number = () => Number.NaN,
): void {
  const random = seededRandom(1);
  const noise = () => normal(random);
  for (let step = 0; step < steps; step++) {
    const value = draw(step, noise);
    const batch = {
      rows: 1,
      slots: Int32Array.of(7),
      values: Float64Array.of(value),
      quality: Uint8Array.of(Number.isNaN(value) ? quality.MISSING : 0),
    };
    profiles.follow(batch, () => load(step));
  }
}

function profileOf(steps: number, draw: Draw, hint: Hint = {}, load?: (step: number) => number) {
  const profiles = createProfiles(stepMs, () => hint);
  follow(profiles, steps, draw, load);
  return { profiles, profile: profiles.read(7)! };
}

describe("kinds", () => {
  test.each<[string, Draw]>([
    ["gauge", (_step, noise) => 40.5 + 3 * noise()],
    ["gauge", (_step, noise) => noise()],
    ["counter", (step, noise) => 1000 + 12.5 * step + Math.abs(noise())],
    ["ratio", (_step, noise) => Math.min(1, Math.max(0, 0.6 + 0.1 * noise()))],
    ["count", (_step, noise) => Math.max(0, Math.round(8 + 3 * noise()))],
  ])("%s is told within half an hour", (kind, draw) => {
    expect(profileOf(halfHour, draw).profile).toMatchObject({ kind, confidence: 1, density: 1 });
  });

  test("what the definition says is believed from the first point on", () => {
    expect(profileOf(1, () => 0.2, { kind: "latency" }).profile.kind).toBe("latency");
  });
});

describe("confidence and judges", () => {
  test("confidence is stated from the first point on and grows to one in half an hour", () => {
    const at = (steps: number) => profileOf(steps, (_step, noise) => 40 + noise()).profile.confidence;
    expect(at(1)).toBeLessThan(0.1);
    expect(at(halfHour / 2)).toBeCloseTo(0.5);
    expect(at(halfHour)).toBe(1);
    expect(createProfiles(stepMs, () => ({})).read(7)).toBeUndefined();
  });

  test("a mostly empty series is left to detectors that fit it; a full one has all, and a limit one more", () => {
    const names = (profile: { readonly judges: readonly { readonly detector: string }[] }) =>
      profile.judges.map(({ detector }) => detector).toSorted();
    const sparse = profileOf(halfHour, (step) => (step % 9 === 0 ? 3 : 0)).profile;
    expect(sparse.sparsity).toBeCloseTo(8 / 9, 1);
    expect(names(sparse)).toEqual(["peer-outlier", "robust-level", "signal-pattern"]);
    const full = profileOf(halfHour, (_step, noise) => 40 + noise(), { limit: 100 }).profile;
    expect(names(full)).toEqual([
      "drift",
      "level-shift",
      "peer-outlier",
      "robust-level",
      "saturation",
      "signal-pattern",
      "spike",
      "variance-change",
    ]);
    const counter = profileOf(halfHour, (step) => 10 * step).profile;
    expect(counter.judges).toEqual([]);
  });

  test("those that need to know the series count little before it is known", () => {
    const draw: Draw = (_step, noise) => 40 + noise();
    const early = profileOf(20, draw).profiles.weight(7, "level-shift");
    const late = profileOf(halfHour, draw).profiles.weight(7, "level-shift");
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(late / 4);
  });
});

describe("density, period, load", () => {
  test("missing points are density, not zeros", () => {
    const { profile } = profileOf(halfHour, (step) => (step % 4 === 0 ? 5 : Number.NaN));
    expect(profile.density).toBeCloseTo(0.25, 1);
    expect(profile.sparsity).toBe(0);
  });

  test("a period is found after three of them, to within a block", () => {
    const period = 360;
    const draw: Draw = (step, noise) => 50 + 20 * Math.sin((2 * Math.PI * step) / period) + 3 * noise();
    const { profile } = profileOf(3 * period + 8, draw);
    expect(profile.periodMs! / stepMs).toBeGreaterThan(period * 0.85);
    expect(profile.periodMs! / stepMs).toBeLessThan(period * 1.15);
    expect(profileOf(1000, (_step, noise) => noise()).profile.periodMs).toBeUndefined();
  });

  test("what follows the load is told from what does not", () => {
    const load = (step: number) => 30 + 10 * Math.sin(step / 20);
    const follows = profileOf(halfHour, (step, noise) => 2 * load(step) + noise(), {}, load).profile;
    const not = profileOf(halfHour, (_step, noise) => 50 + noise(), {}, load).profile;
    expect(follows.load).toBeGreaterThan(0.9);
    expect(Math.abs(not.load)).toBeLessThan(0.4);
    expect(profileOf(halfHour, () => 1).profile.load).toBeNaN();
  });

  test("a profile made from a snapshot says the same", () => {
    const { profiles, profile } = profileOf(400, (step, noise) => 50 + 5 * Math.sin(step / 9) + noise());
    expect(createProfiles(stepMs, () => ({}), profiles.snapshot()).read(7)).toEqual(profile);
  });
});
