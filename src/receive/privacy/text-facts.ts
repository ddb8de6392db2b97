// What is known of a text without keeping it: lengths, repetition, language, garbling, and whether it is what it claims.
import { type Claims, readClaims } from "./claims.ts";
import { createLanguageCounter, type Language, type Script } from "./language.ts";
import { scanText } from "./scan.ts";
import { clearShingles, closeText, createShingles, repetition, type Shingles } from "./shingles.ts";
import { type SpanKind, spanKinds } from "./spans.ts";
import { addPiece, clearSample, createSample, endSample, type Sample } from "./text-sample.ts";
import { createTokens, readTokens } from "./tokens.ts";

/** Facts hold for the part that was looked at: the first 32 KiB and the last 4 KiB. Shares lie between 0 and 1. */
export interface TextFacts {
  /** UTF-8 bytes of all of the text, looked at or not. */
  readonly bytes: number;
  /** Bytes looked at. */
  readonly seenBytes: number;
  /** Pieces it came in: messages, parts, choices. */
  readonly pieces: number;
  readonly characters: number;
  /** Runs of letters and digits; in Chinese and Japanese each character is one. Blind to words of Thai and Lao. */
  readonly words: number;
  /** No letter, digit or symbol in it. */
  readonly blank: boolean;
  /** Share of the text inside its longest loop; undefined under four tokens. See {@link repetition}. */
  readonly loop: number | undefined;
  /** Different runs of four tokens per run; undefined under four tokens. */
  readonly distinct: number | undefined;
  readonly script: Script;
  readonly language: Language;
  /** 0 to 1, of the language; no probability. */
  readonly languageConfidence: number;
  /** Share of replacement, control and private characters, broken UTF-8 and UTF-8 read as Latin-1. Blind to wrong words. */
  readonly garbled: number;
  /** Of an output only, and of its last piece. */
  readonly claims: Claims | undefined;
  /** Of an output only: kinds of personal data and secrets in it, by name, each once. */
  readonly found: readonly SpanKind[];
  /** Share of an output's runs of four tokens that stand in the input; undefined where either is too short or unknown. */
  readonly copied: number | undefined;
}

/** Reads the two sides of one exchange. Inputs of one exchange add up, until {@link begin}. */
export interface TextReader {
  readonly input: Sample;
  readonly output: Sample;
  /** A new exchange: earlier input is forgotten. */
  begin(): void;
  /** Facts of what `input` holds, which is then empty. */
  readInput(): TextFacts;
  readOutput(): TextFacts;
}

/** Runs remembered of one exchange's input; beyond them the oldest are forgotten, and copies of those are not seen. */
const INPUT_RUNS_MAX = 100_000;

export function createTextReader(): TextReader {
  const tokens = createTokens();
  const language = createLanguageCounter();
  const inputRuns = createShingles();
  const outputRuns = createShingles();
  let knowsInput = false;

  function read(sample: Sample, runs: Shingles, other: Shingles | undefined, claims: boolean): TextFacts {
    endSample(sample);
    const { bytes, length, totalBytes, pieces, joins, lastPiece } = sample;
    language.clear();
    readTokens(bytes, length, tokens, language.onWord);
    if (runs.count === 0) clearShingles(runs, tokens.count);
    const repeats = repetition(tokens, runs, other);
    const characters = tokens.characters - joins;
    const guess = language.guess(tokens);
    const seenBytes = length - joins;
    const facts = {
      bytes: totalBytes,
      seenBytes,
      pieces,
      characters,
      words: tokens.words,
      blank: isBlank(bytes, length),
      loop: repeats?.loop,
      distinct: repeats?.distinct,
      script: guess.script,
      language: guess.language,
      languageConfidence: guess.confidence,
      garbled: characters === 0 ? 0 : tokens.garbled / characters,
      claims: claims && lastPiece >= 0 ? readClaims(bytes, lastPiece, length, seenBytes === totalBytes) : undefined,
      found: claims ? kindsIn(bytes, length) : [],
      copied: repeats?.copied,
    };
    clearSample(sample);
    return facts;
  }

  const reader: TextReader = {
    input: createSample(),
    output: createSample(),
    begin() {
      clearSample(reader.input);
      clearSample(reader.output);
      inputRuns.count = 0;
      knowsInput = false;
    },
    readInput() {
      if (inputRuns.count > INPUT_RUNS_MAX) inputRuns.count = 0;
      const facts = read(reader.input, inputRuns, undefined, false);
      closeText(inputRuns);
      knowsInput ||= facts.loop !== undefined;
      return facts;
    },
    readOutput() {
      outputRuns.count = 0;
      return read(reader.output, outputRuns, knowsInput ? inputRuns : undefined, true);
    },
  };
  return reader;
}

/** Facts of one text on its own, as an output. */
export function factsOf(text: string | Uint8Array): TextFacts {
  const reader = createTextReader();
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  addPiece(reader.output, bytes, 0, bytes.length);
  return reader.readOutput();
}

function kindsIn(bytes: Uint8Array, length: number): readonly SpanKind[] {
  const found = new Set(scanText(bytes, 0, length).map(({ kind }) => kind));
  return spanKinds.filter((kind) => found.has(kind));
}

function isBlank(bytes: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[at]! > 0x20) return false;
  return true;
}
