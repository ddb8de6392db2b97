// Which language a text is in: by script where a script is enough, by frequent little words where it is Latin.
import { ARABIC, CYRILLIC, DEVANAGARI, HAN, HANGUL, KANA, LATIN, OTHER_LETTER } from "./code-points.ts";
import { hashWord, type OnWord, type Tokens } from "./tokens.ts";

/** ISO 639-1; `und` = cannot tell. */
export type Language = "en" | "de" | "fr" | "es" | "it" | "pt" | "nl" | "ru" | "zh" | "ja" | "ko" | "ar" | "hi" | "und";
/** The script most letters are of. */
export type Script = "latin" | "cyrillic" | "han" | "kana" | "hangul" | "arabic" | "devanagari" | "other" | "none";

export interface LanguageGuess {
  readonly script: Script;
  readonly language: Language;
  /** 0 to 1: how far ahead of the next language, less where there is little to go by. No probability. */
  readonly confidence: number;
}

/** Counts the little words of each language while tokens are read. */
export interface LanguageCounter {
  readonly onWord: OnWord;
  clear(): void;
  guess(tokens: Tokens): LanguageGuess;
}

/** The most frequent function words, as the grammars list them: articles, pronouns, prepositions, auxiliaries. */
const littleWords: Readonly<Partial<Record<Language, string>>> = {
  en: "the of and to is in that it for was you with as are this be on not have by at from they we an or which will would can been has were their what there if your but",
  de: "der die das und ist nicht ein eine zu den mit sich von auf für im dem des wir sie ich es auch als werden wird sind haben oder aber wenn dass einen wie nach bei durch kann nur noch über zum zur",
  fr: "le la les des et est que dans un une pour pas sur qui au avec ce il elle nous vous sont par plus du ne cette être ont mais ou aux leur peut comme était je se sa",
  es: "el la los las y es que en un una para no por con del se su al lo como más pero sus le este esta está son muy también fue ha ser hay cuando todo ya qué",
  it: "il la gli e è che di un una per non con del della sono si dei nel alla ma più anche come questo questa delle ha dal al le lo essere può nella ogni loro perché",
  pt: "o os as e é que em um uma para não com do da dos das no na se por mais como mas ao foi são seu sua ou ele ela está também ser quando muito isso pelo pela você",
  nl: "de het een en is van dat niet in op te zijn voor met ik je die er aan ook als maar om wordt door naar bij uit nog dan zo wat kan hebben heeft deze worden geen over",
};
const latinLanguages = Object.keys(littleWords) as Language[];
/** Open addressing over the words of all languages: hash, and a bit for each language that has the word. */
const SLOTS = 2048;
const wordHashes = new Int32Array(SLOTS);
const wordLanguages = new Int32Array(SLOTS);
for (const [bit, language] of latinLanguages.entries())
  for (const word of littleWords[language]!.split(" ")) {
    const hash = hashWord(word);
    const slot = slotOf(hash);
    wordHashes[slot] = hash;
    wordLanguages[slot]! |= 1 << bit;
  }

/** Fewer little words than this are no evidence. */
const HITS_MIN = 4;
/** Below this share of little words a text is code, a table, or a language that is not listed. */
const HIT_SHARE_MIN = 0.12;
const LEAD_MIN = 0.15;

const scripts: readonly (readonly [number, Script])[] = [
  [LATIN, "latin"],
  [CYRILLIC, "cyrillic"],
  [HAN, "han"],
  [KANA, "kana"],
  [HANGUL, "hangul"],
  [ARABIC, "arabic"],
  [DEVANAGARI, "devanagari"],
  [OTHER_LETTER, "other"],
];

/**
 * Blind on short text: under about 15 words of a Latin language it says `und`. A script stands for its biggest language:
 * Ukrainian passes for Russian, Persian and Urdu for Arabic, Marathi and Nepali for Hindi. Latin languages not listed are `und` or pass for
 * a near one. Of mixed text it names the bigger part.
 */
export function createLanguageCounter(): LanguageCounter {
  const hits = new Int32Array(latinLanguages.length);
  /** Words found, by the set of languages that have them. */
  const sets = new Int32Array(1 << latinLanguages.length);
  let found = 0;
  return {
    onWord(hash) {
      const languages = wordLanguages[slotOf(hash)]!;
      if (languages === 0) return;
      found++;
      sets[languages]!++;
    },
    clear() {
      sets.fill(0);
      found = 0;
    },
    guess(tokens) {
      const { script, share, letters } = scriptOf(tokens);
      const sure = share * Math.min(1, letters / 20);
      const { classes } = tokens;
      // Japanese mixes kana into ideographs, Chinese has none.
      if (script === "kana" || (script === "han" && classes[KANA]! > classes[HAN]! * 0.1))
        return { script, language: "ja", confidence: Math.min(1, letters / 20) };
      if (script === "han") return { script, language: "zh", confidence: sure };
      if (script === "hangul") return { script, language: "ko", confidence: sure };
      if (script === "cyrillic") return { script, language: "ru", confidence: sure };
      if (script === "arabic") return { script, language: "ar", confidence: sure };
      if (script === "devanagari") return { script, language: "hi", confidence: sure };
      if (script === "latin") weigh(sets, hits);
      return { script, ...(script === "latin" ? latinGuess(hits, found, tokens.words) : unknown) };
    },
  };
}

const unknown = { language: "und" as const, confidence: 0 };

/** A word of three languages says a third as much for each; 60 divides by the numbers that occur. */
function weigh(sets: Int32Array, hits: Int32Array): void {
  hits.fill(0);
  for (let languages = 1; languages < sets.length; languages++) {
    if (sets[languages] === 0) continue;
    let many = 0;
    for (let bits = languages; bits !== 0; bits &= bits - 1) many++;
    for (let bit = 0; bit < hits.length; bit++)
      if ((languages & (1 << bit)) !== 0) hits[bit]! += ((60 / many) | 0) * sets[languages]!;
  }
}

function latinGuess(hits: Int32Array, found: number, words: number): Omit<LanguageGuess, "script"> {
  let best = 0;
  for (let bit = 1; bit < hits.length; bit++) if (hits[bit]! > hits[best]!) best = bit;
  let next = 0;
  for (let bit = 0; bit < hits.length; bit++) if (bit !== best && hits[bit]! > next) next = hits[bit]!;
  const lead = hits[best]! === 0 ? 0 : (hits[best]! - next) / hits[best]!;
  if (found < HITS_MIN || found < words * HIT_SHARE_MIN || lead < LEAD_MIN) return unknown;
  return { language: latinLanguages[best]!, confidence: lead * Math.min(1, found / 12) };
}

function scriptOf({ classes }: Tokens): { readonly script: Script; readonly share: number; readonly letters: number } {
  let letters = 0;
  let most = 0;
  let script: Script = "none";
  for (const [kind, name] of scripts) {
    const count = classes[kind]!;
    letters += count;
    if (count > most) {
      most = count;
      script = name;
    }
  }
  return { script, share: letters === 0 ? 0 : most / letters, letters };
}

/** The slot of the hash, or the free one where it would go. */
function slotOf(hash: number): number {
  let slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
  while (wordLanguages[slot] !== 0 && wordHashes[slot] !== hash) slot = (slot + 1) & (SLOTS - 1);
  return slot;
}
