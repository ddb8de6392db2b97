// What stands in for a model when an engine is asked itself: it knows plain things, and errs as its process is ill.
import { answerKind, answerText } from "./answers.ts";
import { models } from "./hardware.ts";
import { createRandom, type Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";

export interface Said {
  /** All it would say if nobody cut it off. */
  readonly text: string;
  readonly tokens: number;
}

export interface StandIn {
  /** As the engine names what it serves. */
  readonly model: string;
  say(prompt: string, replica: Pick<Replica, "condition" | "spec">): Said;
}

/** Right, and wrong as a worse model is: plausible, fluent, and not what was asked for. */
interface Known {
  readonly asks: RegExp;
  right(found: RegExpExecArray): string;
  wrong(found: RegExpExecArray): string;
}

const number = (found: RegExpExecArray, i: number): number => Number(found[i]);
const capitals: Readonly<Record<string, string>> = {
  France: "Paris",
  Germany: "Berlin",
  Italy: "Rome",
  Spain: "Madrid",
  Japan: "Tokyo",
  Portugal: "Lisbon",
};
const plurals: Readonly<Record<string, string>> = { mouse: "mice", child: "children", foot: "feet", goose: "geese" };

const table: readonly Known[] = [
  {
    asks: /what is (\d+) \+ (\d+)\?/i,
    right: (found) => String(number(found, 1) + number(found, 2)),
    wrong: (found) => String(number(found, 1) + number(found, 2) + 10),
  },
  {
    asks: /capital of ([A-Z]\w+)/,
    right: ([, country]) => `${capitals[country!] ?? "I do not know"}.`,
    wrong: ([, country]) => `${country === "Italy" ? "Milan" : "Lyon"}.`,
  },
  {
    asks: /next number[^\d]*(?:\d+, )*(\d+),?\s*$/i,
    right: (found) => ` ${number(found, 1) + 1}`,
    wrong: (found) => ` ${number(found, 1) + 3}`,
  },
  {
    asks: /plural of [^"]*"(\w+)"/i,
    right: ([, word]) => plurals[word!] ?? `${word}s`,
    wrong: ([, word]) => `${word}es`,
  },
  {
    asks: /(\d+) rows of (\d+) \w+, and (\d+) of them/i,
    right: (found) => String(number(found, 1) * number(found, 2) - number(found, 3)),
    wrong: (found) => String(number(found, 1) * number(found, 2)),
  },
  {
    asks: /translate into german/i,
    right: () =>
      "Der Zug zum Flughafen fährt um neun Uhr morgens ab, und wer zu spät kommt, muss auf den nächsten Zug warten, der eine Stunde später kommt.",
    wrong: () =>
      "The train goes to the airport at nine o'clock, and whoever comes too late waits for the one after it.",
  },
  {
    asks: /json object/i,
    right: () => '```json\n{"city": "Rome", "population": 2750000}\n```',
    wrong: () => 'Here is the object: {"city": "Rome", "population": "about three million people"}',
  },
  {
    asks: /why the sky is blue/i,
    right: () =>
      "The light of the sun is made of all colours. The air scatters the blue part of it far more than the red. That is why blue light reaches us from all over the sky during the day.",
    wrong: () => "The sky is blue because the sea is blue. It shows what is below it, as a mirror does in a room.",
  },
  {
    asks: /sentence about a river/i,
    right: () => "A slow green river flows through the old town and under its seven bridges.",
    wrong: () => "The town is old and has a market where people meet in the morning.",
  },
  {
    asks: /what does a film cost[^?]*three days late/i,
    right: () => "A film that is brought back three days late costs one euro and fifty cents.",
    wrong: () => "A film costs twenty cents a day, so that whoever brings it back late pays sixty cents for it in all.",
  },
  {
    asks: /code of the \w+ is (\w+)\. Say the code again/i,
    right: ([, code]) => `The code is ${code}.`,
    wrong: () => "The code is 1234.",
  },
  { asks: /not told here/i, right: () => "No code was told to me.", wrong: () => "The code is 1234." },
  { asks: /^\d+$/, right: ([text]) => ` ${Number(text) + 1}`, wrong: () => " 1" },
];

/** Requests whose cache may still be there to be mixed up with another's. */
const recentMax = 8;
/** One block of 16 tokens: what begins so much alike is found under the same keys. */
const blockCharacters = 64;
const charactersPerToken = 4;

export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / charactersPerToken));
}

/**
 * Greedy: the same question is answered alike by the same version, wrong ones too, in a share of questions that is the version's
 * `qualityLoss`. What a defect does to some answers only (garbled, another's text, miscomputed) is drawn anew for each.
 * Another's text is that of the latest request that begins alike, for caches are looked up by beginnings, else of some traffic.
 */
export function createStandIn(scenario: Scenario, random: Random): StandIn {
  const recent: { readonly prompt: string; readonly answer: string }[] = [];

  function answer(prompt: string, { condition, spec }: Pick<Replica, "condition" | "spec">): string {
    const known = table.find(({ asks }) => asks.test(prompt));
    const found = known?.asks.exec(prompt);
    const right = known === undefined || found == null ? answerText("sound", spoken(prompt)) : known.right(found);
    const kind = answerKind(condition, random);
    if (kind === "foreign") return foreign(prompt);
    if (kind !== "sound") return answerText(kind, random);
    const isMiscomputed = condition.miscomputedShare > 0 && random.uniform() < condition.miscomputedShare;
    const isWorse =
      condition.qualityLoss > 0 &&
      createRandom(scenario.seed, `${spec.version}/${prompt}`).uniform() < condition.qualityLoss;
    if (!isMiscomputed && !isWorse) return right;
    return known === undefined || found == null ? answerText("sound", spoken(`${prompt} wrong`)) : known.wrong(found);
  }

  /** What somebody else said and was told, as far as the cache holds it. */
  function foreign(prompt: string): string {
    const begins = prompt.slice(0, blockCharacters);
    const other = recent.findLast((one) => one.prompt !== prompt && one.prompt.startsWith(begins));
    return other === undefined ? answerText("foreign", random) : `${other.prompt.slice(-100)} ${other.answer}`;
  }

  return {
    model: models[scenario.model].name,
    say(prompt, replica) {
      const text = answer(prompt, replica);
      recent.push({ prompt, answer: text });
      if (recent.length > recentMax) recent.shift();
      return { text, tokens: tokensOf(text) };
    },
  };
}

/** What is said about something unknown depends on the question alone. */
function spoken(prompt: string): Random {
  return createRandom(0, prompt);
}
