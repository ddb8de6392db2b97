// What is read from a text before it is dropped: every fact on texts that have it and texts that do not.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { factsOf } from "../../src/receive/privacy/text-facts.ts";

const story =
  "The engine was slow this morning, and nobody could say why. We looked at the queue first, then at the cache, and found that one replica had lost its peers. After a restart it was as fast as before.";
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

describe("lengths", () => {
  test("bytes, characters and words are told apart", () => {
    expect(factsOf("naïve café – 東京")).toMatchObject({
      bytes: 23,
      characters: 15,
      words: 4,
      pieces: 1,
      blank: false,
    });
    expect(factsOf("")).toMatchObject({ bytes: 0, characters: 0, words: 0, blank: true, script: "none" });
    expect(factsOf(" \n\t")).toMatchObject({ characters: 3, words: 0, blank: true });
  });

  test("of a long text the first 32 KiB and the last 4 KiB are looked at, and all of it is counted", () => {
    const text = `${"é".repeat(50_000)} the end of it`;
    const facts = factsOf(text);
    expect(facts.bytes).toBe(bytesOf(text));
    expect(facts.seenBytes).toBeGreaterThan(36 * 1024 - 8);
    expect(facts.seenBytes).toBeLessThanOrEqual(36 * 1024);
    // Cut in the middle of no character.
    expect(facts.garbled).toBe(0);
  });
});

describe("repetition", () => {
  test.each([
    ["one word", "the ".repeat(200)],
    ["one symbol", "!".repeat(300)],
    ["a line", "I will look into it for you.\n".repeat(20)],
    ["a paragraph", `${story}\n`.repeat(5)],
    ["ideographs", "重复".repeat(100)],
    ["a token that never ends a line", "\n".repeat(500)],
  ])("%s said over and over is a loop", (_name, text) => {
    const { loop, distinct } = factsOf(text);
    expect(loop).toBeGreaterThan(0.95);
    expect(distinct).toBeLessThan(0.3);
  });

  test("a loop after a good beginning counts with its share of the text", () => {
    const loop = "and so on ".repeat(40);
    const facts = factsOf(`${story} ${loop}`);
    expect(facts.loop).toBeCloseTo(loop.length / (story.length + loop.length), 1);
  });

  test("a loop that counts is no loop word for word, but little in it is new", () => {
    const text = Array.from({ length: 80 }, (_, i) => `Step ${i}: check the state of the server again.`).join("\n");
    expect(factsOf(text).loop).toBeLessThan(0.1);
    expect(factsOf(text).distinct).toBeLessThan(0.6);
  });

  test("prose does not repeat, and two words have nothing to repeat", () => {
    expect(factsOf(story)).toMatchObject({ loop: 0, distinct: 1 });
    // Said again far behind is no loop.
    expect(factsOf(`We looked at the queue first. ${story}`).loop).toBe(0);
    expect(factsOf("hello there")).toMatchObject({ loop: undefined, distinct: undefined });
  });
});

describe("language", () => {
  test.each([
    ["en", "latin", story],
    [
      "de",
      "latin",
      "Der Dienst war heute Morgen langsam, und niemand konnte sagen, warum das so ist. Wir haben zuerst die Schlange und dann den Speicher geprüft, aber es lag nicht an der Last.",
    ],
    [
      "fr",
      "latin",
      "Le service était lent ce matin et personne ne savait pourquoi. Nous avons regardé la file, puis le cache, mais ce n'est pas une question de charge pour les machines.",
    ],
    [
      "es",
      "latin",
      "El servicio estaba lento esta mañana y nadie sabía por qué. Hemos mirado la cola y después la memoria, pero no es un problema de carga para los servidores.",
    ],
    [
      "it",
      "latin",
      "Il servizio era lento questa mattina e nessuno sapeva perché. Abbiamo guardato la coda e poi la memoria, ma non è un problema di carico per le macchine della rete.",
    ],
    [
      "pt",
      "latin",
      "O serviço estava lento esta manhã e ninguém sabia por quê. Olhamos para a fila e depois para a memória, mas não é um problema de carga para os servidores do grupo.",
    ],
    [
      "nl",
      "latin",
      "De dienst was vanmorgen traag en niemand wist waarom het zo was. We hebben eerst naar de rij en dan naar het geheugen gekeken, maar het lag niet aan de drukte op de server.",
    ],
    ["ru", "cyrillic", "Сегодня утром сервис работал медленно, и никто не знал почему. Мы посмотрели очередь."],
    ["zh", "han", "今天早上服务很慢，没有人知道为什么。我们先看了队列，然后看了缓存。"],
    ["ja", "kana", "今朝はサービスが遅かったのですが、だれも理由を知りませんでした。まずキューを見ました。"],
    ["ko", "hangul", "오늘 아침에 서비스가 느렸지만 아무도 이유를 몰랐습니다. 먼저 대기열을 확인했습니다."],
    ["ar", "arabic", "كانت الخدمة بطيئة هذا الصباح ولم يعرف أحد السبب. نظرنا إلى الطابور أولا."],
    ["hi", "devanagari", "आज सुबह सेवा धीमी थी और किसी को कारण नहीं पता था। हमने पहले कतार देखी।"],
  ])("%s is known by its %s letters or little words", (language, script, text) => {
    const facts = factsOf(text);
    expect(facts).toMatchObject({ language, script });
    expect(facts.languageConfidence).toBeGreaterThan(0.3);
  });

  test("short text, code and unlisted languages are left open", () => {
    for (const text of [
      "OK",
      "la la",
      "for (let i = 0; i < n; i++) sum += values[i];",
      "Palvelu oli hidas tänä aamuna eikä kukaan tiennyt miksi.",
    ])
      expect(factsOf(text)).toMatchObject({ language: "und", languageConfidence: 0 });
  });
});

describe("garbling", () => {
  test("replacement characters, broken bytes, control characters and twice encoded text are garbled", () => {
    expect(factsOf("\ufffd\ufffdab").garbled).toBe(0.5);
    expect(factsOf(Uint8Array.of(0xff, 0xfe, 0x61, 0x62)).garbled).toBe(0.5);
    expect(factsOf("a\u0001\u0002b").garbled).toBe(0.5);
    expect(factsOf("cafÃ© donâ€™t").garbled).toBeGreaterThan(0.3);
    expect(factsOf("café don’t “quoted” 🙂👨‍👩‍👧 naïve").garbled).toBe(0);
  });
});

describe("claims", () => {
  const claims = (text: string): unknown => factsOf(text).claims;
  test.each([
    ['{"a": [1, 2, {"b": null}]}', "valid"],
    ['```json\n{"a": 1}\n```', "valid"],
    ['{"a": [1, 2', "invalid"],
    ['```json\n{"a": 1,}\n```', "invalid"],
    ['{"a": 1} and more', "invalid"],
    ["[1] is a footnote", undefined],
    ["{braces} of prose", undefined],
    ["no JSON", undefined],
  ])("%j as JSON is %s", (text, json) => {
    expect(claims(text)).toMatchObject({ json });
  });

  test.each([
    ['Here:\n```ts\nf({ a: [1] }, "(");\n```\ndone :)', "balanced"],
    ["```py\nprint((1)\n```", "unbalanced"],
    ["```py\nprint(1)\n", "open-fence"],
    ["no code :(", undefined],
  ])("code in %j is %s", (text, code) => {
    expect(claims(text)).toMatchObject({ code });
  });

  test("a diff tells how many lines it changes, none if it is empty", () => {
    const head = "diff --git a/x b/x\n--- a/x\n+++ b/x\n";
    expect(claims(`${head}@@ -1,2 +1,2 @@\n a\n-b\n+c\n`)).toMatchObject({ diffLines: 2 });
    expect(claims(head)).toMatchObject({ diffLines: 0 });
    expect(claims(`\`\`\`diff\n${head}@@ -1 +1 @@\n+c\n\`\`\``)).toMatchObject({ diffLines: 1 });
    expect(claims("--- a heading")).toMatchObject({ diffLines: undefined });
  });

  test("refusals are known by how they open", () => {
    for (const text of [
      "I'm sorry, but I can't help with that.",
      "I’m unable to share this.",
      "抱歉，我无法回答。",
      "Lo siento, pero no puedo ayudarte.",
    ])
      expect(claims(text)).toMatchObject({ refusal: true });
    for (const text of ["Sorry for the wait! Here it is.", "You said: I cannot help"])
      expect(claims(text)).toMatchObject({ refusal: false });
  });

  test("a text not seen whole is not judged by its form", () => {
    expect(claims(`{"a": "${"x y ".repeat(20_000)}`)).toMatchObject({ json: undefined, code: undefined });
  });
});

test("whatever the bytes, shares stay between 0 and 1 and counts below the length", () => {
  const pieces = fc.constantFrom(
    "a",
    "the ",
    "\n",
    "é",
    "東",
    "```",
    "{",
    '"',
    "\ud83d\ude42",
    "!",
    " ",
    "\u0000",
    "-- ",
    "]",
  );
  const encoder = new TextEncoder();
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.array(pieces, { maxLength: 200 }).map((parts) => encoder.encode(parts.join(""))),
  );
  fc.assert(
    fc.property(texts, (bytes) => {
      const facts = factsOf(bytes);
      for (const share of [facts.loop ?? 0, facts.distinct ?? 0, facts.garbled, facts.languageConfidence]) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }
      expect(facts.bytes).toBe(bytes.length);
      expect(facts.characters).toBeLessThanOrEqual(bytes.length);
      expect(facts.words).toBeLessThanOrEqual(facts.characters);
      const valid = Buffer.from(bytes).toString("utf8");
      if (Buffer.from(valid).equals(Buffer.from(bytes))) expect(facts.characters).toBe([...valid].length);
    }),
    { numRuns: 1000 },
  );
});
