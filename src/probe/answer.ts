// What an engine said, read from the bytes of an OpenAI-style answer.

export interface Answer {
  readonly text: string;
  /** `stop`, `length`, …; empty if not said. */
  readonly finishReason: string;
  /** The model that says it answered; empty if not said. */
  readonly model: string;
  /** Prompt and completion together; guessed from lengths where the engine does not say. */
  readonly tokens: number;
}

type Tree = Readonly<Record<string, unknown>>;

/** Bytes a token takes at least, in most texts: a guess is meant to err upwards. */
const bytesPerToken = 3;

/** The first choice's text, or what is wrong, in words that quote nothing of it. `promptBytes`: of the question. */
export function readAnswer(body: Buffer, promptBytes: number): Answer | { readonly wrong: string } {
  let tree: unknown;
  try {
    tree = JSON.parse(body.toString("utf8"));
  } catch {
    return { wrong: "answers 200 with what is no JSON" };
  }
  if (!isTree(tree)) return { wrong: "answers 200 with JSON that is no object" };
  const choice = Array.isArray(tree["choices"]) ? (tree["choices"][0] as unknown) : undefined;
  if (!isTree(choice)) return { wrong: "answers 200 without a choice" };
  const text = textOf(choice);
  if (text === undefined) return { wrong: "answers 200 with a choice without text" };
  const { usage } = tree;
  const counted = isTree(usage) ? count(usage["prompt_tokens"]) + count(usage["completion_tokens"]) : 0;
  return {
    text,
    finishReason: said(choice["finish_reason"]),
    model: said(tree["model"]),
    tokens: counted > 0 ? counted : guessTokens(promptBytes + Buffer.byteLength(text)),
  };
}

export function guessTokens(bytes: number): number {
  return Math.ceil(bytes / bytesPerToken);
}

/** The first model that a `/v1/models` answer names. */
export function readFirstModel(body: Buffer): string | undefined {
  try {
    const tree: unknown = JSON.parse(body.toString("utf8"));
    const first: unknown = isTree(tree) && Array.isArray(tree["data"]) ? tree["data"][0] : undefined;
    return isTree(first) && typeof first["id"] === "string" && first["id"] !== "" ? first["id"] : undefined;
  } catch {
    return undefined;
  }
}

/** Completions say `text`, chats `message.content`, which is null where there are no words. */
function textOf(choice: Tree): string | undefined {
  if (typeof choice["text"] === "string") return choice["text"];
  const { message } = choice;
  if (!isTree(message)) return undefined;
  if (typeof message["content"] === "string") return message["content"];
  return message["content"] === null ? "" : undefined;
}

function said(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 256) : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
