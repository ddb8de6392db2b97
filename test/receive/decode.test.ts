// The decoders against protobufjs: the same rows for what it accepts, no crash and no half-taken request for the rest.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDecoder, type Decoder, type Signal } from "../../src/receive/decoder.ts";
import { requests } from "./arbitraries.ts";
import { read, tableRows } from "./oracle.ts";
import { encode } from "./otlp-proto.ts";
import { asSent } from "./payloads.ts";
import { type Row, rowsOf } from "./read-native.ts";

const now = 1_763_900_000_000;
const signals: readonly Signal[] = ["traces", "logs", "metrics"];

/** Rows by table; series descriptions apart. */
function sealedRows(decoder: Decoder): Record<string, Row[]> {
  const tables: Record<string, Row[]> = {};
  for (const batch of decoder.seal().batches) tables[batch.table] = [...(tables[batch.table] ?? []), ...rowsOf(batch)];
  return tables;
}

function withoutIdentity(tables: Record<string, Row[]>): Record<string, Row[]> {
  const { otel_metrics_series: _, ...rest } = tables;
  return Object.fromEntries(
    Object.entries(rest).map(([name, rows]) => [name, rows.map(({ SeriesHash: __, ...row }) => row)]),
  );
}

describe.each(signals)("%s", (signal) => {
  it("gives the rows protobufjs gives, for any message", () => {
    const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
    fc.assert(
      fc.property(requests[signal], (message) => {
        const body = encode(signal, message);
        expect(decoder.decode(signal, "protobuf", body, now).kind).toBe("decoded");
        expect(withoutIdentity(sealedRows(decoder))).toEqual(tableRows(signal, body, now));
      }),
      { numRuns: 300 },
    );
  });

  it("gives the same rows whatever the order of the fields", () => {
    const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
    fc.assert(
      fc.property(requests[signal], fc.infiniteStream(fc.nat()), (message, choices) => {
        const body = encode(signal, message);
        const shuffled = shuffleFields(body, () => choices.next().value);
        expect(decoder.decode(signal, "protobuf", shuffled, now).kind).toBe("decoded");
        expect(withoutIdentity(sealedRows(decoder))).toEqual(tableRows(signal, shuffled, now));
      }),
      { numRuns: 100 },
    );
  });

  it("takes a mutilated body whole or not at all, and accepts what protobufjs accepts", () => {
    const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
    fc.assert(
      fc.property(
        requests[signal],
        fc.nat(),
        fc.nat(),
        fc.nat(255),
        fc.boolean(),
        (message, place, cut, byte, truncate) => {
          const whole = encode(signal, message);
          const body = truncate ? whole.slice(0, cut % (whole.length + 1)) : whole.slice();
          if (!truncate && body.length > 0) body[place % body.length] = byte;
          const answer = decoder.decode(signal, "protobuf", body.slice(), now);
          const rows = Object.values(withoutIdentity(sealedRows(decoder))).flat();
          expect(answer.kind).not.toBe("failed");
          expect(rows.length).toBe(answer.kind === "decoded" ? answer.accepted : 0);
          if (truncate && accepts(signal, body)) expect(answer.kind).toBe("decoded");
        },
      ),
      { numRuns: 500 },
    );
  });

  it("leaves nothing of a refused request in the batch of the others", () => {
    const decoder = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
    fc.assert(
      fc.property(requests[signal], requests[signal], requests[signal], (first, broken, last) => {
        const bodies = [encode(signal, first), encode(signal, last)];
        const bad = Uint8Array.from([...encode(signal, broken), 0x0a, 0x7f]);
        const alone = createDecoder({ window: null, privacy: asSent, attributeKeys: 1_000_000 });
        for (const body of bodies) alone.decode(signal, "protobuf", body.slice(), now);
        decoder.decode(signal, "protobuf", bodies[0]!, now);
        expect(decoder.decode(signal, "protobuf", bad, now).kind).toBe("malformed");
        decoder.decode(signal, "protobuf", bodies[1]!, now);
        expect(sizes(decoder)).toEqual(sizes(alone));
      }),
      { numRuns: 60 },
    );
  });
});

function sizes(decoder: Decoder): number[][] {
  return decoder.seal().batches.map((batch) => batch.columns.map((column) => column.bytes.length));
}

function accepts(signal: Signal, body: Uint8Array): boolean {
  try {
    read(signal, body);
    return true;
  } catch {
    return false;
  }
}

/** Puts the fields of the outer message, and of the messages in them down to items, in another order. */
function shuffleFields(body: Uint8Array, choose: () => number, depth = 0): Uint8Array {
  const fields: Uint8Array[] = [];
  for (let at = 0; at < body.length; ) {
    const start = at;
    const tag = body[at++]!;
    if ((tag & 7) !== 2) return body;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = body[at++]!;
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    const inner = body.subarray(at, at + length);
    at += length;
    const isMessage = depth < 2 && (tag === 0x0a || tag === 0x12);
    fields.push(
      isMessage
        ? Uint8Array.from([...body.subarray(start, at - length), ...shuffleFields(inner, choose, depth + 1)])
        : body.subarray(start, at),
    );
  }
  // Only fields of different numbers may change places: the order within a repeated field has a meaning.
  const numbers = [...new Set(fields.map((field) => field[0]!))];
  for (let i = numbers.length - 1; i > 0; i--) {
    const j = choose() % (i + 1);
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  return Uint8Array.from(
    numbers.flatMap((number) => fields.filter((field) => field[0] === number).flatMap((field) => [...field])),
  );
}
