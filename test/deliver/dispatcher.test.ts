// Groups over time: when they are told, what keeps them quiet, and that a restart changes nothing.
import fc from "fast-check";
import { expect, it, test } from "vitest";
import type { DispatchSnapshot, Notification } from "../../src/deliver/feeds/dispatcher.ts";
import { parseMatchers } from "../../src/deliver/feeds/matchers.ts";
import { compileInterval } from "../../src/deliver/feeds/time-intervals.ts";
import { alertOf, dispatcherOf, line, routingFrom } from "./feed-kit.ts";

const start = Date.parse("2026-03-02T10:00:00Z");
const simple = `
route: { receiver: ops, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 1h }
inhibit_rules:
  - { source_matchers: ['severity="page"'], target_matchers: ['severity="ticket"'], equal: [node] }
`;
const routing = routingFrom(simple, ["ops"]);
const seconds = (count: number): number => start + count * 1000;

test("a group waits, then tells news at its interval, repeats what stays, and tells the end once", () => {
  const dispatcher = dispatcherOf(routing, ["ops"]);
  const told: string[] = [];
  const run = (from: number, to: number): void => {
    for (let at = from; at <= to; at++) told.push(...dispatcher.step(seconds(at)).map((one) => `${at}s ${line(one)}`));
  };
  dispatcher.put(alertOf({ alertname: "A", pod: "1" }, seconds(0)), seconds(0));
  run(0, 10);
  dispatcher.put(alertOf({ alertname: "A", pod: "2" }, seconds(10)), seconds(10));
  run(10, 100);
  dispatcher.put(alertOf({ alertname: "A", pod: "3" }, seconds(100)), seconds(100));
  run(100, 5000);
  for (const pod of ["1", "2", "3"]) {
    dispatcher.put(alertOf({ alertname: "A", pod }, seconds(0), { endsAt: seconds(5000) }), seconds(5000));
  }
  run(5000, 9000);
  expect(told).toEqual([
    "30s ops {alertname=A} firing: A1 A2",
    "330s ops {alertname=A} firing: A1 A2 A3",
    "4230s ops {alertname=A} firing: A1 A2 A3",
    "5130s ops {alertname=A} resolved: -A1 -A2 -A3",
  ]);
});

test("what fires for longer than the group waits is told at once, and what was over before is never told", () => {
  const dispatcher = dispatcherOf(routing, ["ops"]);
  dispatcher.put(alertOf({ alertname: "Old" }, seconds(-3600)), seconds(0));
  dispatcher.put(alertOf({ alertname: "Short" }, seconds(0)), seconds(0));
  dispatcher.put(alertOf({ alertname: "Short" }, seconds(0), { endsAt: seconds(5) }), seconds(5));
  expect(dispatcher.step(seconds(5)).map(line)).toEqual(["ops {alertname=Old} firing: Old"]);
  expect(dispatcher.step(seconds(40))).toEqual([]);
});

test("a source keeps its targets quiet only where all equal labels are equal, and no longer than it fires", () => {
  const dispatcher = dispatcherOf(routing, ["ops"]);
  const put = (labels: Record<string, string>, endsAt?: number): void =>
    dispatcher.put(alertOf(labels, seconds(0), endsAt === undefined ? {} : { endsAt }), endsAt ?? seconds(0));
  const page = { alertname: "P", severity: "page", node: "n1" };
  put(page);
  put({ alertname: "T1", severity: "ticket", node: "n1" });
  put({ alertname: "T2", severity: "ticket", node: "n2" });
  expect(dispatcher.step(seconds(30)).map(line)).toEqual([
    "ops {alertname=P} firing: P",
    "ops {alertname=T2} firing: T2",
  ]);
  put(page, seconds(60));
  expect(dispatcher.step(seconds(330)).map(line)).toEqual([
    "ops {alertname=P} resolved: -P",
    "ops {alertname=T1} firing: T1",
  ]);
});

test("alerts that are source and target at once do not silence one another, yet silence others and are silenced", () => {
  const yaml = `
route: { receiver: ops, group_by: ['...'], group_wait: 30s }
inhibit_rules:
  - { source_matchers: ['level=~"2|3"'], target_matchers: ['level=~"1|2"'] }
`;
  const tell = (...levels: readonly string[]): string[] => {
    const dispatcher = dispatcherOf(routingFrom(yaml, ["ops"]), ["ops"]);
    for (const level of levels) dispatcher.put(alertOf({ alertname: `L${level}`, level }, start), start);
    return dispatcher.step(seconds(30)).map(({ alerts }) => alerts[0]!.labels["level"]!);
  };
  expect(tell("1", "2")).toEqual(["2"]);
  expect(tell("1", "2", "3")).toEqual(["3"]);
});

test("a receiver that wants no ends gets none, and hears of the next beginning", () => {
  const receivers = [{ name: "ops", sendResolved: false, takes: () => true }];
  const dispatcher = dispatcherOf(routing, ["ops"], { receivers });
  const told: string[] = [];
  for (const [at, over] of [
    [0, false],
    [400, true],
    [1000, false],
  ] as const) {
    dispatcher.put(alertOf({ alertname: "A" }, seconds(at), over ? { endsAt: seconds(at) } : {}), seconds(at));
    for (let now = at; now < at + 600 && now < 2000; now++) told.push(...dispatcher.step(seconds(now)).map(line));
  }
  expect(told).toEqual(["ops {alertname=A} firing: A", "ops {alertname=A} firing: A"]);
});

test("a notification that failed for good is told again at the group's next look, ends too", () => {
  const dispatcher = dispatcherOf(routing, ["ops"]);
  dispatcher.put(alertOf({ alertname: "A" }, seconds(0)), seconds(0));
  const [first] = dispatcher.step(seconds(30));
  dispatcher.failed(first!);
  const [again] = dispatcher.step(seconds(330));
  expect(line(again!)).toBe(line(first!));
  dispatcher.put(alertOf({ alertname: "A" }, seconds(0), { endsAt: seconds(400) }), seconds(400));
  const [end] = dispatcher.step(seconds(630));
  dispatcher.failed(end!);
  expect(dispatcher.step(seconds(930)).map(line)).toEqual(["ops {alertname=A} resolved: -A"]);
});

test("routes rest in their muted hours, in the place's own time, and tell what still fires afterwards", () => {
  const yaml = `
route: { receiver: ops, group_wait: 1s, group_interval: 1h, repeat_interval: 4h, routes: [{ mute_time_intervals: [night] }] }
time_intervals:
  - { name: night, time_intervals: [{ times: [{ start_time: '10:00', end_time: '12:30' }], location: Europe/Berlin }] }
`;
  const dispatcher = dispatcherOf(routingFrom(yaml, ["ops"]), ["ops"]);
  dispatcher.put(alertOf({ alertname: "A" }, start), start);
  // 11:00 and 12:00 in Berlin, then 13:00.
  expect([1, 3601, 7201].map((at) => dispatcher.step(seconds(at)).length)).toEqual([0, 0, 1]);
});

it.each([
  ["weekdays", { weekdays: ["monday:friday"] }, "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"],
  ["the last days of a month", { days_of_month: ["-2:-1"] }, "2026-02-27T12:00:00Z", "2026-02-26T12:00:00Z"],
  ["months by name", { months: ["december:december", "1:2"] }, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  ["years", { years: ["2026"] }, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"],
  [
    "until midnight",
    { times: [{ start_time: "23:00", end_time: "24:00" }] },
    "2026-01-01T23:59:59Z",
    "2026-01-01T22:59:59Z",
  ],
] as const)("a time interval of %s", (_what, spec, inside, outside) => {
  const within = compileInterval({
    name: "x",
    time_intervals: [{ location: "UTC", ...structuredClone(spec) } as never],
  });
  expect([within(Date.parse(inside)), within(Date.parse(outside))]).toEqual([true, false]);
});

it.each(['{a="b", c!~"d.*",}', "a=b", 'a=~"x\\"y\\n"'])("reads the matcher %s", (text) => {
  expect(parseMatchers(text).length).toBeGreaterThan(0);
});
it.each(["a", '="b"', 'a="b" c="d"', 'a=~"("', 'a=~"(?=x)"', '{a="b'])("refuses the matcher %s", (text) => {
  expect(() => parseMatchers(text)).toThrow(/matcher/);
});

it.each([
  ["route: { receiver: ops, matchers: ['a=\"b\"'] }", /outermost/],
  ["route: { receiver: nobody }", /no receiver is called nobody/],
  ["route: { receiver: ops, routes: [{ mute_time_intervals: [never] }] }", /no time interval is called never/],
  ["route: { group_by: [a] }", /needs a receiver/],
])("refuses the tree %s", (yaml, why) => {
  expect(() => routingFrom(yaml, ["ops"])).toThrow(why);
});

test("alerts and groups beyond the limits are refused and counted", () => {
  const reasons: string[] = [];
  const dropped = (reason: string): unknown => reasons.push(reason);
  const dispatcher = dispatcherOf(routing, ["ops"], { alertsMax: 3, groupsMax: 2, dropped });
  for (const alertname of ["A", "B", "C", "D"]) dispatcher.put(alertOf({ alertname }, start), start);
  expect(reasons).toEqual(["too-many-groups", "too-many-alerts"]);
});

const byText = (a: string, b: string): number => (a < b ? -1 : 1);
const command = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    name: fc.constantFrom("A", "B"),
    pod: fc.constantFrom("1", "2", "3"),
    over: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: 1, max: 400 }) }),
  fc.record({ kind: fc.constant("restart" as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** Runs the commands, one look a second; restarts are left out where `restarts` is false. */
function play(
  commands: readonly Command[],
  restarts: boolean,
): { told: Notification[]; firing: Set<string>; at: number } {
  let dispatcher = dispatcherOf(routing, ["ops"]);
  let at = 0;
  const told: Notification[] = [];
  const firing = new Set<string>();
  for (const one of commands) {
    if (one.kind === "put") {
      const alert = alertOf(
        { alertname: one.name, pod: one.pod },
        seconds(at),
        one.over ? { endsAt: seconds(at) } : {},
      );
      dispatcher.put(alert, seconds(at));
      if (one.over) firing.delete(alert.key);
      else firing.add(alert.key);
    } else if (one.kind === "wait") {
      for (const end = at + one.seconds; at < end; at++) told.push(...dispatcher.step(seconds(at)));
    } else if (restarts) {
      const snapshot = JSON.parse(JSON.stringify(dispatcher.snapshot())) as DispatchSnapshot;
      dispatcher = dispatcherOf(routing, ["ops"]);
      dispatcher.restore(snapshot, seconds(at));
    }
  }
  return { told, firing, at };
}

test("whatever comes when: no group is told faster than its interval, no end without a beginning, nothing is forgotten", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      // Two intervals of quiet: by then everything must have been told.
      const { told, firing } = play([...commands, { kind: "wait", seconds: 601 }], true);
      const known = new Set<string>();
      const lastAt = new Map<string, number>();
      for (const { groupKey, at, alerts } of told) {
        expect(at - (lastAt.get(groupKey) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(300_000);
        lastAt.set(groupKey, at);
        const before = alerts.some(({ endsAt, key }) => endsAt === undefined || known.has(key));
        expect(before).toBe(true);
        for (const { key, endsAt } of alerts) {
          if (endsAt === undefined) known.add(key);
          else known.delete(key);
        }
      }
      expect(known).toEqual(firing);
    }),
    { numRuns: 200 },
  );
});

test("an alert that comes back soon after its group was told empty waits out the interval", () => {
  const put = { kind: "put", name: "A", pod: "1" } as const;
  const { told } = play(
    [
      { ...put, over: false },
      { kind: "wait", seconds: 60 },
      { ...put, over: true },
      { kind: "wait", seconds: 301 },
      { ...put, over: false },
      { kind: "wait", seconds: 601 },
    ],
    false,
  );
  expect(told.map(({ at, status }) => `${(at - told[0]!.at) / 1000} ${status}`)).toEqual([
    "0 firing",
    "300 resolved",
    "600 firing",
  ]);
});

test("a restart at any moment changes nothing of what is told and when", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const all = [...commands, { kind: "wait", seconds: 700 } as const];
      const says = ({ told }: ReturnType<typeof play>): string[] =>
        told.map((one) => `${one.at} ${line(one)}`).sort(byText);
      expect(says(play(all, true))).toEqual(says(play(all, false)));
    }),
    { numRuns: 200 },
  );
});
