// What location is compared with: chance, the largest deviation anywhere, and the published traversal of anomalous calls.
import { quantileOf } from "../../src/math/quantile.ts";
import { type Random, seededRandom } from "../../src/math/random.ts";
import { columnKey } from "./scenario.ts";
import { alarmRow, type Method, type Question, type Window } from "./task.ts";

const normalRowsMin = 10;
const traversalThreshold = 5;
const sigmas = 3;

/** All entities in an order drawn anew for each question. */
export function chance(random: Random = seededRandom(7)): Method {
  return ({ scenario }) => shuffled(scenario.entities, random);
}

/** Entities by their largest distance from the mean in standard deviations, if the target's is above three (N-sigma). */
export const largestDeviation: Method = (question) => {
  const { scenario, target, abnormal } = question;
  const scores = new Map<string, number>();
  for (const entity of scenario.entities) {
    const usual = valuesOf(question.normal, entity, question).filter(Number.isFinite);
    if (usual.length < normalRowsMin) continue;
    const mean = usual.reduce((sum, value) => sum + value, 0) / usual.length;
    const deviation = Math.sqrt(usual.reduce((sum, value) => sum + (value - mean) ** 2, 0) / usual.length);
    const seen = valuesOf({ ...abnormal, from: abnormal.from + alarmRow }, entity, question).filter(Number.isFinite);
    const most = seen.reduce((max, value) => Math.max(max, Math.abs(value - mean)), 0);
    scores.set(entity, most === 0 ? 0 : most / deviation);
  }
  if (!((scores.get(target.node) ?? 0) > sigmas)) return [];
  return [...scores].sort(([, a], [, b]) => b - a).map(([entity]) => entity);
};

/**
 * The traversal published with the task: entities more than five deviations (MAD) off in the first row in which the target
 * is, none of whose callees is, joined to the target by entities that are; by the sum of scores on the way. The target itself
 * is never named. Availability that never moved scores infinity, in the original as well, where the order of a set breaks
 * such ties: here they are drawn.
 */
export function traversal(random: Random = seededRandom(7)): Method {
  return (question) => traverse(question, random);
}

function traverse(question: Question, random: Random): readonly string[] {
  const { scenario, target, abnormal } = question;
  const scorers = new Map(scenario.entities.map((entity) => [entity, madScorer(question, entity)]));
  const scoreAt = (entity: string, row: number): number =>
    scorers.get(entity)!(abnormal.table.columns.get(columnOf(entity, question))?.[row] ?? Number.NaN);
  let row = abnormal.from + alarmRow;
  while (row < abnormal.to && scoreAt(target.node, row) === 0) row++;
  if (row >= abnormal.to) return [];
  const scores = new Map<string, number>();
  for (const entity of scenario.entities) {
    const score = scoreAt(entity, row);
    if (score > 0) scores.set(entity, score);
  }
  const best = new Map<string, number>();
  const follow = (entity: string, way: readonly string[], sum: number): void => {
    const next = calleesOf(question, entity).filter((callee) => scores.has(callee));
    if (next.length === 0 && entity !== target.node) best.set(entity, Math.max(best.get(entity) ?? 0, sum));
    for (const callee of next) {
      if (!way.includes(callee)) follow(callee, [...way, callee], sum + scores.get(callee)!);
    }
  };
  follow(target.node, [target.node], scores.get(target.node)!);
  return shuffled([...best], random)
    .sort(([, a], [, b]) => (a === b ? 0 : b - a))
    .map(([entity]) => entity);
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** The deviation of a value where it is above the threshold, otherwise 0. */
function madScorer(question: Question, entity: string): (value: number) => number {
  const usual = valuesOf(question.normal, entity, question).filter(Number.isFinite);
  if (usual.length < normalRowsMin) return () => 0;
  const center = quantileOf(usual.slice(), usual.length, 0.5);
  const constant = usual.every((value) => value === usual[0]);
  const deviations = usual.map((value) => Math.abs(value - center));
  const scale = constant ? 1 : 1.4826 * quantileOf(deviations, deviations.length, 0.5);
  const threshold = constant ? 0 : traversalThreshold;
  return (value) => {
    const score = Math.abs(value - center) / scale;
    return score > threshold ? score : 0;
  };
}

function calleesOf({ scenario }: Question, entity: string): readonly string[] {
  const caller = scenario.entities.indexOf(entity);
  const found: string[] = [];
  for (let i = 0; i < scenario.calls.length; i += 2) {
    if (scenario.calls[i] === caller) found.push(scenario.entities[scenario.calls[i + 1]!]!);
  }
  return found;
}

function columnOf(entity: string, { target }: Question): string {
  return columnKey(entity, target.metric, target.statistic);
}

function valuesOf({ table, from, to }: Window, entity: string, question: Question): Float64Array {
  return table.columns.get(columnOf(entity, question))?.slice(from, to) ?? new Float64Array(0);
}
