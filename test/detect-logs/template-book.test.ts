// Log lines become templates.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTemplateBook } from "../../src/detect/logs/template-book.ts";

const book = (maxTemplates = 1000, maxForms = 10_000) => createTemplateBook({ maxTemplates, maxForms });

function templateOf(...lines: string[]): string[] {
  const one = book();
  const found = lines.map((text) => one.add(text));
  return found.map((template) => one.text(template));
}

describe("masks", () => {
  it.each([
    ["numbers", "loaded 12 shards in 3.5s", "loaded <*> shards in <*>"],
    ["a sign", "offset -12 of +7", "offset <*> of <*>"],
    ["addresses with a port", "connect to 10.0.3.7:8000 failed", "connect to <*> failed"],
    ["host names with a port", "connect to db-3.prod.internal:5432 failed", "connect to <*> failed"],
    ["hexadecimal", "mask 0x00ff at deadbeef", "mask <*> at <*>"],
    ["UUIDs that begin with letters", "request abcdefab-1234-4abc-8abc-abcdefabcdef aborted", "request <*> aborted"],
    ["network cards and PCI buses", "NVRM: Xid (PCI:0000:9b:00): 79, GPU gone", "NVRM: Xid (PCI:<*>): <*>, GPU gone"],
    ["paths", "cannot open /data/models/a b", "cannot open <*> b"],
    ["URLs", "fetching https://hub.example.com:443/x?y=1,2 now", "fetching <*> now"],
    ["requests of an access log", '1.2.3.4:55 - "POST /v1/completions HTTP/1.1" 200', '<*> - "POST <*>" <*>'],
    ["dates with their time", "at 2026-01-02 03:04:05.678 it ended", "at <*> it ended"],
    ["long dates", "seen Sun Aug 28 16:30:22 2005 last", "seen <*> last"],
    ["lists, however long", "blocks [1, 2, 3] freed", "blocks [<*>] freed"],
    ["values by nature", "enabled=True owner=root", "enabled=<*> owner=<*>"],
    ["names of classes stay", "at java.io.FileReader.open", "at java.io.FileReader.open"],
    ["places in source files keep the file", "scheduler.py:120 stalled", "scheduler.py:<*> stalled"],
  ])("%s", (_name, line, template) => {
    expect(templateOf(line)).toEqual([template]);
  });
});

describe("variety", () => {
  it("a word with a number stays one until a second number was seen", () => {
    expect(templateOf("link eth0 is up and running")).toEqual(["link eth0 is up and running"]);
    expect(templateOf("link eth0 is up and running", "link eth1 is up and running")).toEqual(
      Array(2).fill("link <*> is up and running"),
    );
  });

  it("a number behind an underscore is one, however long", () => {
    expect(new Set(templateOf("block broadcast_0_piece0 was kept", "block broadcast_120_piece3 was kept"))).toEqual(
      new Set(["block <*> was kept"]),
    );
  });

  it("a second unit behind a number makes units a variable", () => {
    expect(templateOf("wrote 5 KB to the disk")).toEqual(["wrote <*> KB to the disk"]);
    expect(templateOf("wrote 5 KB to the disk", "wrote 7 MB to the disk")).toEqual(
      Array(2).fill("wrote <*> <*> to the disk"),
    );
  });

  it("two words behind an equals sign are a variable, two words of a sentence are not", () => {
    expect(templateOf("login refused user=anna here", "login refused user=berta here")).toEqual(
      Array(2).fill("login refused user=<*> here"),
    );
    expect(new Set(templateOf("the queue is full now", "the queue is empty now")).size).toBe(2);
  });

  it("many words at one place are a variable, and earlier lines follow", () => {
    const names = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis"];
    const texts = templateOf(...names.map((name) => `worker saw ${name} pass the gate`));
    expect(new Set(texts)).toEqual(new Set(["worker saw <*> pass the gate"]));
  });

  it("a template that takes others in has their lines", () => {
    const one = book();
    for (const name of ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])
      for (let i = 0; i < 3; i++) one.add(`worker saw ${name} pass the gate`);
    expect(one.all().map((template) => template.lines)).toEqual([24]);
  });

  it("keeps its id when it becomes more general", () => {
    const one = book();
    const first = one.add("login refused user=anna here");
    const second = one.add("login refused user=berta here");
    expect(one.resolve(second).id).toBe(first.id);
    expect(one.all()).toHaveLength(1);
    expect(one.all()[0]?.lines).toBe(2);
  });
});

describe("bounds", () => {
  it("forgets the templates used longest ago and counts them", () => {
    const dropped: [string, number][] = [];
    const one = createTemplateBook({ maxTemplates: 20, maxForms: 100, dropped: (why, n) => dropped.push([why, n]) });
    const word = (i: number): string => String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26));
    for (let i = 0; i < 200; i++) one.add(`${word(i)} happened`);
    expect(one.all().length).toBeLessThanOrEqual(20);
    expect(dropped.filter(([why]) => why === "templates").reduce((sum, [, n]) => sum + n, 0)).toBe(
      200 - one.all().length,
    );
  });

  it("takes any text, the same way each time, and every line is counted once", () => {
    const texts = fc.array(
      fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."ab1 /.:-_=()[]<>'\"?") })),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(texts, (lines) => {
        const [a, b] = [book(), book()];
        const first = lines.map((text) => a.add(text));
        const second = lines.map((text) => b.add(text));
        expect(second.map((t) => b.text(t))).toEqual(first.map((t) => a.text(t)));
        expect(a.all().reduce((sum, t) => sum + t.lines, 0)).toBe(lines.length);
        for (const template of first) expect(a.all()).toContain(a.resolve(template));
      }),
      { numRuns: 300 },
    );
  });

  it("cuts lines without end", () => {
    const one = book();
    expect(one.text(one.add("word ".repeat(100_000))).length).toBeLessThan(5000);
    expect(one.text(one.add("x".repeat(1_000_000))).endsWith("<*>")).toBe(true);
  });
});
