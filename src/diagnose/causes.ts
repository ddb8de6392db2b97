// Which causes come into question for a scene, likeliest first: looking, in two goes, and ranking.
import type { FailureMode, SymptomSpec } from "../model/failure-mode.ts";
import type { RankedCause } from "../model/incident.ts";
import type { Look, Looker } from "./look.ts";
import { inQuestion, priorOfNone, rank } from "./rank.ts";
import type { Recall } from "./recall.ts";
import type { Scene } from "./scene.ts";
import { type Study, studyOf } from "./study.ts";
import { suspicionGroup } from "./suspicion.ts";
import type { Symptoms } from "./symptoms.ts";

export type RankScene = (
  scene: Scene,
  symptoms: Pick<Symptoms, "anomalies" | "alerts">,
  how?: {
    /** Only these modes; absent: all. */
    readonly among?: ((mode: FailureMode) => boolean) | undefined;
    /** What the incident was shown before. */
    readonly recall?: Recall;
  },
) => Promise<readonly RankedCause[]>;

/** `modes` are those of now: their odds may have been learned since. `studied` hears of each look at the whole catalogue. */
export function createRanking(
  looker: Looker,
  modes: () => readonly FailureMode[],
  studied?: (study: Study) => void,
): RankScene {
  /** What speaks for a mode first, and what tells it from others only of the modes that something speaks for. */
  return async (seen, { anomalies, alerts: firing }, { among = () => true, recall } = {}) => {
    const alerts = firing.filter(({ group }) => group !== suspicionGroup);
    const scene = { ...seen, alerts };
    const { at, scope, topology } = scene;
    const touched = [...anomalies, ...alerts].flatMap(({ entity }) => entity ?? []);
    const candidates = [...new Set([...topology.members(scope), ...touched])].sort((a, b) => (a < b ? -1 : 1));
    const possible = modes().filter(among);
    const look = async (wanted: readonly SymptomSpec[]): Promise<Look> => {
      const now = await looker.look(scene, wanted);
      return recall?.over(now, scene) ?? now;
    };
    const first = await look(possible.flatMap(({ symptoms }) => symptoms));
    const left = inQuestion(possible, candidates, first, alerts);
    const closer = await look(left.flatMap(({ discriminators }) => discriminators));
    if (studied !== undefined && possible.length === modes().length)
      studied(studyOf(left, scope, candidates, closer, alerts, at));
    return rank(left, priorOfNone(modes()), scope, candidates, closer, alerts, at, recall?.settled());
  };
}
