// What plain thresholds would have told of the same telemetry: the bar that detection and diagnosis have to clear.

import { createRules } from "../../detect/rules/engine.ts";
import { parseRuleFile } from "../../detect/rules/rule-file.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";
import { readOne, shipped } from "../paths.ts";
import type { Told } from "./score.ts";

export interface Baseline {
  look(at: Instant): Promise<void>;
  told(): readonly Told[];
}

/** An alarm that was over for so long and comes again is another one; as people set `repeat_interval`. */
const againMs = 15 * 60_000;

/** Each rule says what a person on call would first think of; alarms at the same time are one page. */
export function createBaseline(source: SeriesSource, telemetry: Telemetry): Baseline {
  const { name, text } = readOne(shipped.plainThresholds);
  const { file, mistakes } = parseRuleFile(name, text);
  if (file === undefined || mistakes.length > 0) throw new Error(mistakes.map(({ what }) => what).join("; "));
  const rules = createRules([file], { source, telemetry });
  const told: Told[] = [];
  let lastFiring = Number.NEGATIVE_INFINITY;
  return {
    async look(at) {
      await rules.evaluate(at);
      const firing = rules.all().filter(({ state }) => state === "firing");
      const first = firing.toSorted((a, b) => a.activeAt - b.activeAt)[0];
      if (first === undefined) return;
      if (at - lastFiring > againMs) {
        const codes = [...new Set(firing.flatMap(({ labels }) => labels["code"] ?? []))];
        told.push({ at, codes, ...(first.entity === undefined ? {} : { place: first.entity }), path: [] });
      }
      lastFiring = at;
    },
    told: () => told,
  };
}
