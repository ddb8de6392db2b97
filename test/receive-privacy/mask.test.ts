// What is masked, what is left alone.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskText } from "../../src/receive/privacy/mask.ts";
import { scanText } from "../../src/receive/privacy/scan.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
function mask(text: string): string {
  const bytes = encoder.encode(text);
  const masked = maskText(bytes, 0, bytes.length);
  return masked === undefined ? text : decoder.decode(masked.bytes);
}

describe("masked", () => {
  test.each([
    ["write to Ana.Lopez+x@mail.example.co.uk.", "write to [email]."],
    ["<müller@example.de>, ok", "<[email]>, ok"],
    ["card 4539 1488 0343 6467 expired", "card [card] expired"],
    ["4539-1488-0343-6467", "[card]"],
    ["pay to DE89 3704 0044 0532 0130 00 now", "pay to [iban] now"],
    ["IBAN:GB82WEST12345698765432!", "IBAN:[iban]!"],
    ["ssn 078-05-1120", "ssn [ssn]"],
    ["call +41 44 668 18 00 or (555) 123-4567", "call [phone] or [phone]"],
    ["from 203.0.113.7:443 and 2001:db8::8a2e:370:7334", "from [ip]:443 and [ip]"],
    ["key sk-proj-abcdefghijklmnopqrstuvwx used", "key [secret] used"],
    ["AKIAIOSFODNN7EXAMPLE", "[secret]"],
    [
      "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
      "Bearer [secret]",
    ],
    ["Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic [secret]"],
    ["login with Bearer 0123456789abcdef0123 now", "login with Bearer [secret] now"],
    ['{"password": "hunter2", "n": 1}', '{"password": "[secret]", "n": 1}'],
    ["DB_PASSWORD=hunter2 AZURE_OPENAI_API_KEY='abc'", "DB_PASSWORD=[secret] AZURE_OPENAI_API_KEY='[secret]'"],
    ["/v1/chat?api_key=a1b2&model=x&token=0123456789abc#f", "/v1/chat?api_key=[secret]&model=x&token=[secret]"],
    ["redis://default:hunter2@cache:6379/0", "redis://[secret]@cache:6379/0"],
    ["mysql://root:hunter2@db/x", "mysql://[secret]@db/x"],
    ["x -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- y", "x [secret] y"],
    ["-----BEGIN PRIVATE KEY-----\nMIIE cut off", "[secret]"],
    ["hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "[secret]"],
  ])("%s", (text, expected) => {
    expect(mask(text)).toBe(expected);
  });
});

describe("left alone", () => {
  test.each([
    "Engine 000: Avg prompt throughput: 2399.8 tokens/s, Running: 10 reqs, Waiting: 90 reqs, GPU KV cache usage: 19.3%",
    "2026-11-23 20:51:58 INFO engine.py:123 step 18446744073709551615",
    "2026-11-23T20:51:58.123456Z",
    "1700000000123 ms, 0.12345678, 1e-9, v1.2.3, 10.5.2",
    "NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    "user@ and @home and a@b",
    "E=128,N=768,device_name=NVIDIA_H100_80GB_HBM3.json",
    // Off by one and by five: numbers as long as a card's that fail its check sum.
    "order 4539148803436468",
    "order 4539148803436462",
    "sk-short and AKIAshort",
    "EOS token: 128001, max_tokens=4096, tokens: 12, token='<|endoftext|>' key=model.layers.0",
    "http://vllm-0:8000/v1/models time=12:30:01 status code: 503 session=warm",
    "-----BEGIN CERTIFICATE-----",
  ])("%s", (text) => {
    expect(mask(text)).toBe(text);
  });
});

describe("the scan", () => {
  test("spans are in order, inside the text and apart, whatever the bytes", () => {
    const pieces = fc.constantFrom(
      "@",
      ".",
      "1",
      "23",
      "-",
      " ",
      "+",
      "(",
      ")",
      ":",
      "::",
      "a",
      "sk-",
      "DE89",
      "é",
      "x",
      "/",
    );
    const texts = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(pieces, { maxLength: 80 }).map((parts) => encoder.encode(parts.join(""))),
    );
    fc.assert(
      fc.property(texts, (bytes) => {
        let end = 0;
        for (const span of scanText(bytes, 0, bytes.length)) {
          expect(span.start).toBeGreaterThanOrEqual(end);
          expect(span.end).toBeGreaterThan(span.start);
          end = span.end;
        }
        expect(end).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  const data = fileURLToPath(
    new URL("../../../shared/data/badinput/pii_presidio/data/synth_dataset_v2.json", import.meta.url),
  );
  test.skipIf(!existsSync(data))(
    "finds the structured entities of a labelled set (needs ../shared/data/badinput)",
    () => {
      const kinds: Record<string, string> = {
        EMAIL_ADDRESS: "email",
        CREDIT_CARD: "card",
        US_SSN: "ssn",
        IBAN_CODE: "iban",
        IP_ADDRESS: "ip",
        PHONE_NUMBER: "phone",
      };
      const cases = JSON.parse(readFileSync(data, "utf8")) as {
        full_text: string;
        spans: { entity_type: string; entity_value: string }[];
      }[];
      let wanted = 0;
      let found = 0;
      let falseHits = 0;
      for (const { full_text, spans } of cases) {
        const bytes = encoder.encode(full_text);
        const texts = scanText(bytes, 0, bytes.length).map((span) =>
          decoder.decode(bytes.subarray(span.start, span.end)),
        );
        for (const span of spans.filter((one) => kinds[one.entity_type] !== undefined)) {
          wanted++;
          if (texts.some((text) => text.includes(span.entity_value))) found++;
        }
        falseHits += texts.filter(
          (text) => !spans.some((span) => span.entity_value.includes(text) || text.includes(span.entity_value)),
        ).length;
      }
      expect(found / wanted).toBeGreaterThanOrEqual(0.99);
      expect(falseHits / cases.length).toBeLessThanOrEqual(0.01);
    },
  );
});
