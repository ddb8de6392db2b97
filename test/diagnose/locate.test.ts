// Location on made call graphs, where the cause is known.
import { describe, expect, test } from "vitest";
import type { Course, Rows } from "../../src/diagnose/locate/departure.ts";
import { locate } from "../../src/diagnose/locate/locate.ts";
import { ask, duringRows, entities, failing, make, type System, shop } from "./made-system.ts";

describe("one cause of slowness", () => {
  test.each(["table", "search", "pay", "bank", "web"])("at %s", (cause) => {
    const found = ask(make({ ...shop, fault: { [cause]: 0.06 } }));
    expect(found.verdict).toBe("located");
    expect(entities(found)[0]).toBe(cause);
    expect(found.suspects[0]!.score).toBeGreaterThan(0.8);
  });

  test("comes with the calls that lead to it and what it added", () => {
    const [top] = ask(make({ ...shop, fault: { table: 0.06 } })).suspects;
    expect(top!.path).toEqual(["web", "search", "table"]);
    // Two calls a request, 600 requests a row.
    expect(top!.own / (0.06 * 2 * 600 * duringRows)).toBeCloseTo(1, 1);
    expect(top!.departure.expected).toBeCloseTo(0.004, 3);
    expect(top!.departure.observed).toBeCloseTo(0.064, 2);
  });

  test("what is not called by the target is never named", () => {
    expect(ask(make({ ...shop, fault: { idle: 3 } })).verdict).toBe("normal");
  });
});

describe("one cause of failures", () => {
  test.each(["table", "search", "pay", "bank", "web"])("at %s", (cause) => {
    const found = ask(make({ ...failing, fault: { [cause]: 0.05 } }), "failures");
    expect(entities(found)[0]).toBe(cause);
  });

  test("a handful where there were never any is enough", () => {
    const found = ask(make({ ...failing, fault: { bank: 0.004 } }), "failures");
    expect(entities(found)).toEqual(["bank"]);
  });

  test("one alone is not", () => {
    const system = make({ ...failing, fault: {} });
    const bank = system.courses[system.names.indexOf("bank")]!;
    bank.during.values[1] = 1 / bank.during.requests[1]!;
    expect(ask(system, "failures").verdict).toBe("normal");
  });
});

test("two causes are both named, the one that added more first", () => {
  const found = ask(make({ ...shop, fault: { table: 0.02, bank: 0.16 } }));
  expect(entities(found)).toEqual(["bank", "table"]);
  expect(found.suspects[0]!.share + found.suspects[1]!.share).toBeGreaterThan(0.9);
});

describe("normal operation says nothing", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("seed %i", (seed) => {
    expect(ask(make({ ...shop, fault: {}, seed })).verdict).toBe("normal");
    expect(ask(make({ ...failing, fault: {}, seed }), "failures").verdict).toBe("normal");
  });

  test("when traffic triples and nothing gets slower", () => {
    expect(ask(make({ ...shop, fault: {}, traffic: 3 })).verdict).toBe("normal");
  });

  test("when the system is another than it was, but did not change now", () => {
    expect(ask(make({ ...shop, fault: {}, since: { bank: 0.3, table: 0.02 } })).verdict).toBe("normal");
    const down = ask(make({ ...failing, fault: {}, since: { bank: 1 } }), "failures");
    expect(down.verdict).toBe("normal");
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("when it is slower and as much noisier since before, seed %i", (seed) => {
    expect(ask(make({ ...shop, fault: {}, since: { bank: 2.9, table: 0.076 }, seed })).verdict).toBe("normal");
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("when hardly any traffic is left, seed %i", (seed) => {
    expect(ask(make({ ...shop, fault: {}, traffic: 0.02, seed })).verdict).toBe("normal");
  });

  test("when everything gets faster", () => {
    expect(ask(make({ ...shop, fault: { bank: -0.09, table: -0.003 } })).verdict).toBe("normal");
  });

  test("when one spike is lost in a long window", () => {
    const system = make({ ...shop, fault: {} });
    const long = system.courses.map((course): Course => {
      const { normal: rows } = course!;
      const half = (from: number, to: number): Rows => ({
        requests: rows.requests.slice(from, to),
        values: rows.values.slice(from, to),
      });
      return { normal: half(0, 100), before: half(98, 100), during: half(100, 200) };
    });
    for (const name of ["web", "pay", "bank"]) long[system.names.indexOf(name)]!.during.values[50]! *= 2;
    expect(ask({ ...system, courses: long }).verdict).toBe("normal");
  });
});

describe("incidents among changes", () => {
  test("a cause is found in a system that is another than it was", () => {
    const found = ask(make({ ...shop, fault: { table: 0.06 }, since: { bank: 0.3, search: 0.01 } }));
    expect(entities(found)[0]).toBe("table");
  });

  test("a cause is found while traffic triples, and while it falls to a tenth", () => {
    for (const traffic of [3, 0.1]) {
      expect(entities(ask(make({ ...shop, fault: { table: 0.06 }, traffic })))[0]).toBe("table");
    }
  });

  test("rows after the recovery do not hide it", () => {
    const system = make({ ...shop, fault: { bank: 0.12 } });
    for (const course of system.courses) {
      const { normal: usual, during } = course!;
      during.values.set(usual.values.subarray(0, 2), 2);
    }
    const found = ask(system);
    expect(entities(found)).toEqual(["bank"]);
    expect(found.suspects[0]!.departure.requests).toBeLessThan(700);
  });
});

describe("what is missing", () => {
  test("an entity without measurements is looked through, and told", () => {
    const system = make({ ...shop, fault: { table: 0.06 } });
    system.courses[system.names.indexOf("search")] = undefined;
    const found = ask(system);
    expect(entities(found)[0]).toBe("table");
    expect(found.suspects[0]!.path).toEqual(["web", "search", "table"]);
    expect(found.unjudged).toEqual([{ entity: "search", why: "nothing is measured of it" }]);
  });

  test("a cause without measurements leaves its caller as the nearest that is known", () => {
    const system = make({ ...shop, fault: { table: 0.06 } });
    system.courses[system.names.indexOf("table")] = undefined;
    expect(entities(ask(system))[0]).toBe("search");
  });

  test("rows of NaN and rows without requests are left out", () => {
    const system = make({ ...shop, fault: { bank: 0.12 } });
    for (const course of system.courses) {
      course!.normal.values[7] = Number.NaN;
      course!.normal.requests[8] = 0;
      course!.during.values[1] = Number.NaN;
    }
    expect(entities(ask(system))[0]).toBe("bank");
  });

  test("too short a history cannot be judged", () => {
    const system = make({ ...shop, fault: { bank: 0.12 } });
    const at = system.names.indexOf("bank");
    const { normal: usual, ...rest } = system.courses[at]!;
    system.courses[at] = {
      ...rest,
      normal: { requests: usual.requests.slice(0, 3), values: usual.values.slice(0, 3) },
    };
    const found = ask(system);
    expect(entities(found)[0]).toBe("pay");
    expect(found.unjudged[0]).toEqual({ entity: "bank", why: "only 3 rows of normal operation: 10 are needed" });
  });

  test("no time before the incident is no obstacle", () => {
    const system = make({ ...shop, fault: { bank: 0.12 } });
    const none = { requests: new Float64Array(0), values: new Float64Array(0) };
    const courses = system.courses.map((course) => ({ ...course!, before: none }));
    expect(entities(ask({ ...system, courses }))[0]).toBe("bank");
  });

  test("a target without measurements is unknown, with the reason", () => {
    const system = make({ ...shop, fault: {} });
    system.courses[0] = undefined;
    const found = ask(system);
    expect(found.verdict).toBe("unknown");
    expect(found.says).toBe("web cannot be judged: nothing is measured of it");
  });
});

describe("series that never move", () => {
  test("do not divide by nothing", () => {
    const still = ask(make({ ...shop, fault: {}, noise: 0 }));
    expect(still.verdict).toBe("normal");
    const moved = ask(make({ ...shop, fault: { bank: 0.05 }, noise: 0 }));
    expect(entities(moved)).toEqual(["bank"]);
    expect(Number.isFinite(moved.suspects[0]!.z)).toBe(true);
  });

  test("at zero, too", () => {
    const system = make({ ...shop, own: { ...shop.own, table: 0 }, fault: { table: 0.05 }, noise: 0 });
    expect(entities(ask(system))).toEqual(["table"]);
  });
});

describe("cycles", () => {
  const ring = (fault: Readonly<Record<string, number>>): System => {
    const system = make({ ...shop, fault });
    const back = [system.names.indexOf("table"), system.names.indexOf("search"), 0, 0];
    return { ...system, calls: Int32Array.from([...system.calls, ...back]) };
  };

  test("do not loop, nor excuse everybody on them", () => {
    expect(["search", "table"]).toContain(entities(ask(ring({ table: 0.06 })))[0]);
    expect(entities(ask(ring({ search: 0.06 })))[0]).toBe("search");
  });

  test("elsewhere change nothing", () => {
    expect(entities(ask(ring({ bank: 0.12 })))[0]).toBe("bank");
  });
});

describe("hostile input", () => {
  const system = make({ ...shop, fault: { bank: 0.12 } });

  test("calls that name no entity are left out and counted", () => {
    const calls = Int32Array.from([...system.calls, -1, 2, 0, 99, 3]);
    const found = ask({ ...system, calls });
    expect(found.ignoredCalls).toBe(3);
    expect(entities(found)[0]).toBe("bank");
  });

  test("a target out of range is unknown", () => {
    for (const target of [-1, 6, Number.NaN]) {
      const found = locate({
        measure: "latency",
        entities: system.names,
        calls: system.calls,
        courses: system.courses,
        target,
      });
      expect(found.verdict).toBe("unknown");
      expect(found.says).toMatch(/give one from 0 to 5/);
    }
  });

  test("rows of different lengths spoil only their entity", () => {
    const courses = [...system.courses];
    const search = courses[system.names.indexOf("search")]!;
    courses[system.names.indexOf("search")] = {
      ...search,
      during: { ...search.during, requests: new Float64Array(1) },
    };
    const found = ask({ ...system, courses });
    expect(entities(found)[0]).toBe("bank");
    expect(found.unjudged).toEqual([{ entity: "search", why: "its requests and values differ in length" }]);
  });

  test("infinite, negative and huge numbers give finite answers", () => {
    for (const bad of [Number.POSITIVE_INFINITY, -1, -Number.MAX_VALUE]) {
      const spoiled = make({ ...shop, fault: { bank: 0.12 } });
      for (const course of spoiled.courses) {
        course!.normal.values[3] = bad;
        course!.during.values[0] = bad;
        course!.before.requests[0] = bad;
      }
      const found = ask(spoiled);
      expect(entities(found)[0]).toBe("bank");
      for (const { score, z, share } of found.suspects) expect([score, z, share].every(Number.isFinite)).toBe(true);
    }
  });

  test("a share of failures above one is no measurement", () => {
    const broken = make({ ...failing, fault: { bank: 0.05 } });
    for (const course of broken.courses) course!.during.values[0] = 100;
    expect(entities(ask(broken, "failures"))[0]).toBe("bank");
  });

  test("no entity at all is unknown; a chain of twenty thousand calls is walked", () => {
    expect(locate({ measure: "latency", entities: [], calls: new Int32Array(0), courses: [], target: 0 }).verdict).toBe(
      "unknown",
    );
    const length = 20_000;
    const names = Array.from({ length }, (_, i) => `s${i}`);
    const calls = Int32Array.from({ length: 2 * (length - 1) }, (_, i) => (i + 1) >> 1);
    const courses = names.map((_, i) =>
      i === 0 || i === length - 1 ? system.courses[system.names.indexOf("bank")] : undefined,
    );
    const found = locate({ measure: "latency", entities: names, calls, courses, target: 0 });
    expect(entities(found)).toEqual([names[length - 1]]);
  });
});
