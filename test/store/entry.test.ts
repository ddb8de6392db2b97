// The log's own format under torn writes, flipped bytes and cuts anywhere.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeEntries, encodeEntry } from "../../src/store/journal/entry.ts";
import type { Rows } from "../../src/store/journal/native-block.ts";
import { createRequestKeys } from "../../src/store/journal/request-keys.ts";
import { block, strings, uint32s, uint64s } from "./native.ts";

const rowsOf = (texts: readonly string[]): Rows => ({
  table: "otel_logs",
  rows: texts.length,
  columns: [{ name: "Body", type: "String", bytes: strings(texts) }],
});

const entries = fc.array(
  fc.record({
    keys: fc.array(fc.string({ minLength: 1 }), { maxLength: 2 }),
    batches: fc.array(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), { maxLength: 3 }),
    tenant: fc.constantFrom("default", "acme"),
  }),
  { minLength: 1, maxLength: 6 },
);

interface Written {
  readonly keys: readonly string[];
  readonly batches: readonly (readonly string[])[];
  readonly tenant: string;
}

function encodeAll(list: readonly Written[]): Buffer[] {
  let id = 1n << 62n;
  return list.map(({ keys, batches, tenant }, i) => {
    const own = keys.map((key) => [key, 1000 + i] as const);
    return encodeEntry(
      1000 + i,
      own,
      batches.map(rowsOf),
      batches.map(() => id++),
      tenant,
    ).bytes;
  });
}

describe("entries of the log", () => {
  it("come back as they were, with their blocks in Native format", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const file = Buffer.concat(encodeAll(list));
        const { entries: found, damage } = decodeEntries(file);
        expect(damage).toEqual([]);
        expect(found.map((entry) => entry.keys.map(([key]) => key))).toEqual(list.map((entry) => entry.keys));
        found.forEach((entry, i) => {
          entry.frames.forEach((frame, j) => {
            expect(frame.tenant).toBe(list[i]!.tenant);
            const texts = list[i]!.batches[j]!;
            const expected = block(texts.length, [
              { name: "Body", type: "String", bytes: strings(texts) },
              { name: "_batch", type: "UInt64", bytes: uint64s(texts.map(() => frame.id)) },
              { name: "_i", type: "UInt32", bytes: uint32s(texts.map((_, k) => k)) },
            ]);
            expect(file.subarray(frame.offset, frame.offset + frame.bytes).equals(expected)).toBe(true);
          });
        });
      }),
    );
  });

  it("survive whole when the file is cut anywhere, and what was cut counts as torn", () => {
    fc.assert(
      fc.property(entries, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), (list, where, zeros) => {
        const parts = encodeAll(list);
        const file = Buffer.concat(parts);
        const cut = Math.floor(file.length * where);
        let whole = 0;
        for (let end = 0; whole < parts.length && end + parts[whole]!.length <= cut; whole++)
          end += parts[whole]!.length;
        const end = parts.slice(0, whole).reduce((sum, part) => sum + part.length, 0);
        const { entries: found, damage } = decodeEntries(file.subarray(0, cut));
        expect(found).toHaveLength(whole);
        expect(damage).toEqual(cut === end ? [] : [{ start: end, end: cut, kind: "torn" }]);
        const grown = decodeEntries(Buffer.concat([file.subarray(0, end), Buffer.alloc(zeros)]));
        expect(grown.entries).toHaveLength(whole);
        expect(grown.damage.every(({ kind }) => kind === "torn")).toBe(true);
      }),
    );
  });

  it("are each found around one whose bytes were changed, which is never taken for good", () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, place, flip) => {
        const parts = encodeAll(list);
        const file = Buffer.concat(parts);
        const at = place % file.length;
        file[at]! ^= flip;
        let start = 0;
        const hit = parts.findIndex((part) => {
          start += part.length;
          return at < start;
        });
        start -= parts[hit]!.length;
        const { entries: found, damage } = decodeEntries(file);
        expect(found.map((entry) => entry.at)).toEqual(list.map((_, i) => 1000 + i).filter((_, i) => i !== hit));
        expect(damage).toMatchObject([{ start, end: start + parts[hit]!.length }]);
        if (hit < parts.length - 1) expect(damage[0]!.kind).toBe("corrupt");
      }),
    );
  });
});

describe("the mark of an entry", () => {
  it("cannot become that of another tenant's by flipped bits", () => {
    for (const [tenant, kind] of [
      ["default", "2"],
      ["acme", "1"],
    ] as const) {
      const [file] = encodeAll([{ keys: ["k"], batches: [["a"]], tenant }]);
      file!.write(kind, 3, "latin1");
      expect(decodeEntries(file!)).toMatchObject({ entries: [], damage: [{ start: 0, end: file!.length }] });
    }
  });
});

describe("request keys", () => {
  it("are known within the window, and only the newest are kept", () => {
    const keys = createRequestKeys(100, 3);
    for (let i = 0; i < 5; i++) keys.add(`k${i}`, i * 10);
    expect([0, 1, 2, 3, 4].map((i) => keys.has(`k${i}`, 50))).toEqual([false, false, true, true, true]);
    expect(keys.has("k2", 119)).toBe(true);
    expect(keys.has("k2", 120)).toBe(false);
    expect(keys.live(125).map(([key]) => key)).toEqual(["k3", "k4"]);
  });
});
