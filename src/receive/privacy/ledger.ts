// Gathers the texts of one span, event or log record as they are dropped, and says their facts as attributes for the same row.
import { type Bytes, textSource } from "../../model/columns/bytes.ts";
import { type Carrier, isMessages, isReason, rankOf, type Side, sideOf } from "./carriers.ts";
import { finishReason } from "./finish-reason.ts";
import { visitWords, type WordsVisitor } from "./messages.ts";
import { createTextReader, type TextFacts } from "./text-facts.ts";
import { addPiece, clearSample } from "./text-sample.ts";

/** An attribute of ours. */
export interface Fact {
  readonly key: Bytes;
  readonly value: string;
}

export interface Ledger {
  /** A span with its events, or a log record, begins: input known so far is forgotten. */
  begin(): void;
  /** The event whose attributes or body come next, if it says whose words they are. */
  side: Side | undefined;
  /** Whether anything was collected since the last {@link take}. */
  readonly pending: boolean;
  /** Whether there was text since {@link begin}. */
  readonly sawText: boolean;
  /** Whether the span is a call of a model; set by who reads its keys. */
  isModelCall: boolean;
  collect(carrier: Carrier, source: Bytes, start: number, end: number): void;
  /** A text too large to take apart: only its length is told. */
  collectLength(carrier: Carrier, bytes: number): void;
  /** Whether a finish reason is still unknown. */
  readonly wantsReason: boolean;
  noteReason(data: Uint8Array, start: number, end: number): void;
  /** Facts of what was collected, for the row it came in. */
  take(): readonly Fact[];
}

const WORST_RANK = 7;
/** Keys of what we say of texts; nobody else may write them. */
export const factPrefix = "homeostat.text.";
const keys = new Map<string, Bytes>();

export function createLedger(): Ledger {
  const reader = createTextReader();
  const ranks = { input: WORST_RANK, output: WORST_RANK };
  const unseenBytes = { input: 0, output: 0 };
  let inputCharacters = 0;
  let began = false;
  let pending = false;
  let sawText = false;
  let reason = "";
  let into: Side = "input";
  const visitor: WordsVisitor = {
    words(data, start, end) {
      addPiece(into === "input" ? reader.input : reader.output, data, start, end);
    },
    reason: noteReason,
  };

  function noteReason(data: Uint8Array, start: number, end: number): void {
    const next = finishReason(data, start, end);
    // Of several answers, the one that did not end by itself is what an operator asks about.
    if (next !== "" && (reason === "" || reason === "stop")) reason = next;
    pending = true;
  }

  /** Whether texts of this carrier are wanted; of better ones than those so far, only they are. */
  function admits(carrier: Carrier): boolean {
    const side = sideOf(carrier, ledger.side);
    if (side === undefined) return false;
    pending = sawText = true;
    const rank = rankOf(carrier);
    if (rank > ranks[side]) return false;
    if (rank < ranks[side]) {
      clearSample(side === "input" ? reader.input : reader.output);
      unseenBytes[side] = 0;
    }
    ranks[side] = rank;
    into = side;
    return true;
  }

  const ledger: Ledger = {
    side: undefined,
    isModelCall: false,
    get pending() {
      return pending;
    },
    get sawText() {
      return sawText;
    },
    get wantsReason() {
      return reason === "";
    },
    begin() {
      ledger.side = undefined;
      ledger.isModelCall = false;
      if (!began) return;
      began = pending = sawText = false;
      inputCharacters = 0;
      ranks.input = ranks.output = WORST_RANK;
      reason = "";
      reader.begin();
    },
    collect(carrier, source, start, end) {
      began = true;
      if (isReason(carrier)) noteReason(source.data, start, end);
      else if (admits(carrier)) visitWords(source, start, end, isMessages(carrier), visitor);
    },
    collectLength(carrier, bytes) {
      began = true;
      if (admits(carrier)) unseenBytes[into] += bytes;
    },
    noteReason(data, start, end) {
      began = true;
      noteReason(data, start, end);
    },
    take() {
      const facts: Fact[] = [];
      const say = (name: string, value: string | number | undefined): void => {
        if (value !== undefined) facts.push({ key: keyOf(name), value: String(value) });
      };
      if (ranks.input !== WORST_RANK) {
        const input = withUnseen(reader.readInput(), unseenBytes.input);
        inputCharacters += input.characters;
        sayText("input", input, say);
      }
      if (ranks.output !== WORST_RANK) {
        const output = withUnseen(reader.readOutput(), unseenBytes.output);
        sayText("output", output, say);
        say("copy_ratio", round(output.copied));
        if (inputCharacters > 0) say("length_ratio", round(output.characters / inputCharacters));
      }
      if (reason !== "") say("finish_reason", reason);
      ranks.input = ranks.output = WORST_RANK;
      unseenBytes.input = unseenBytes.output = 0;
      reason = "";
      pending = false;
      return facts;
    },
  };
  return ledger;
}

type Say = (name: string, value: string | number | undefined) => void;

/** What says nothing (no garbling, no refusal, nothing claimed) is not said. */
function sayText(side: Side, facts: TextFacts, say: Say): void {
  const fact: Say = (name, value) => say(`${side}.${name}`, value);
  fact("bytes", facts.bytes);
  if (facts.seenBytes < facts.bytes) fact("seen_bytes", facts.seenBytes);
  if (facts.pieces > 1) fact("pieces", facts.pieces);
  fact("characters", facts.characters);
  fact("words", facts.words);
  if (facts.blank) fact("blank", "true");
  fact("loop_share", round(facts.loop));
  fact("distinct_ratio", round(facts.distinct));
  fact("script", facts.script);
  fact("language", facts.language);
  if (facts.language !== "und") fact("language_confidence", round(facts.languageConfidence));
  if (facts.garbled > 0) fact("garbled_share", round(facts.garbled));
  fact("json", facts.claims?.json);
  fact("code", facts.claims?.code);
  fact("diff_lines", facts.claims?.diffLines);
  if (facts.claims?.refusal === true) fact("refusal", "true");
  if (facts.found.length > 0) fact("found", facts.found.join(","));
}

function withUnseen(facts: TextFacts, bytes: number): TextFacts {
  return bytes === 0 ? facts : { ...facts, bytes: facts.bytes + bytes, blank: false };
}

function round(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000) / 1000;
}

function keyOf(name: string): Bytes {
  let key = keys.get(name);
  if (key === undefined) {
    key = textSource(factPrefix + name);
    keys.set(name, key);
  }
  return key;
}
