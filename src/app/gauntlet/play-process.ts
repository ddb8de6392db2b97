// A process that plays scenarios one after another: takes each over IPC, answers with what became of it, ends with its parent.
import { parseScenario } from "../../simulate/scenario-file.ts";
import type { ActOrder } from "./acting/rehearsal.ts";
import { play, type Through } from "./play.ts";

export interface PlayOrder {
  readonly number: number;
  readonly file: string;
  readonly text: string;
  /** Replaces the scenario's own. */
  readonly seed: number | undefined;
  readonly settings: object;
  readonly through: Through;
  readonly act?: ActOrder;
  /** Where its data lie while it is played; whoever orders removes it. */
  readonly folder: string;
}

let last: Promise<void> = Promise.resolve();

async function obey({ number, file, text, seed, settings, folder, through, act }: PlayOrder): Promise<void> {
  try {
    const parsed = parseScenario(file, text);
    if (!parsed.ok) throw new Error(parsed.mistakes.map(({ says }) => says).join("; "));
    const { value } = parsed;
    const scenario = seed === undefined ? value.scenario : { ...value.scenario, seed };
    process.send?.({
      number,
      played: await play({ ...value, scenario }, { folder, settings, through, ...(act === undefined ? {} : { act }) }),
    });
  } catch (error) {
    process.send?.({ number, error: error instanceof Error ? error.message : String(error) });
  }
}

process.on("message", (order: PlayOrder) => {
  last = last.then(() => obey(order));
});
process.once("disconnect", () => process.exit(0));
