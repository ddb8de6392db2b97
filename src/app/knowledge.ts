// What users edit and Homeostat knows: rules, signal mappings, failure modes, connectors, probes. Loaded once, all mistakes told.
import { existsSync } from "node:fs";
import { basename, isAbsolute, join, resolve } from "node:path";
import { type ConnectorSpec, loadConnectors } from "../act/connectors.ts";
import { parseRuleFile, type RuleFile } from "../detect/rules/rule-file.ts";
import { loadFailureModes } from "../diagnose/failure-modes.ts";
import { type OddsTable, readOddsTable, withFittedOdds } from "../diagnose/fitted-odds.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { Mistake } from "../model/yaml.ts";
import { parseMappings, type SignalMapping } from "../observe/mapping.ts";
import type { Config } from "./config-schema.ts";
import { readFolder, readOne, ruleFilesAt, shipped } from "./paths.ts";
import { type ProbeKnowledge, probeKnowledge } from "./probe-files.ts";

export interface Knowledge {
  readonly ruleFiles: readonly RuleFile[];
  /** Names of the series that rules record. */
  readonly recorded: ReadonlySet<string>;
  readonly mappings: readonly SignalMapping[];
  readonly modes: readonly FailureMode[];
  readonly connectors: readonly ConnectorSpec[];
  readonly probes: ProbeKnowledge;
  readonly mistakes: readonly Mistake[];
}

export function loadKnowledge(config: Config): Knowledge {
  const mistakes: Mistake[] = [];
  const ruleFiles: RuleFile[] = [];
  for (const path of rulePaths(config, mistakes)) {
    const { name, text } = readOne(path);
    const parsed = parseRuleFile(name, text);
    mistakes.push(...parsed.mistakes.map(({ what, mend, ...place }) => ({ ...place, says: `${what}; ${mend}` })));
    if (parsed.file !== undefined) ruleFiles.push(parsed.file);
  }
  const mappings = parseMappings(readFolder(shipped.signals, ".yaml").map(({ name, text }) => ({ path: name, text })));
  const modes = loadFailureModes(readFolder(shipped.failureModes, ".yaml"));
  const connectors = loadConnectors(readFolder(shipped.connectors, ".yaml"));
  const probes = probeKnowledge(config.probes);
  const odds = config.diagnose.odds === undefined ? {} : fittedOdds(config.diagnose.odds, mistakes);
  mistakes.push(...mappings.mistakes, ...modes.mistakes, ...connectors.mistakes, ...probes.mistakes);
  const rules = ruleFiles.flatMap(({ groups }) => groups.flatMap((group) => group.rules));
  const recorded = new Set(rules.filter(({ kind }) => kind === "record").map(({ name }) => name));
  return {
    ruleFiles,
    recorded,
    mappings: mappings.mappings,
    modes: withFittedOdds(modes.modes, odds),
    connectors: connectors.connectors,
    probes,
    mistakes,
  };
}

function fittedOdds(path: string, mistakes: Mistake[]): OddsTable {
  const table = existsSync(path) ? readOddsTable(readOne(path).text) : undefined;
  if (table === undefined) {
    const says = `${path} is no file of fitted odds; make one with \`homeostat fit --out\`, or leave diagnose.odds out`;
    mistakes.push({ file: "diagnose.odds", line: 0, column: 0, says });
  }
  return table ?? {};
}

function rulePaths(config: Config, mistakes: Mistake[]): readonly string[] {
  const named = config.rules.packs.flatMap((pack) => (pack === "all" ? shippedPacks() : [pack]));
  const packs = [...new Set(named)].map((pack) => ({
    from: `rules.packs: ${pack}`,
    path: join(shipped.packs, `${pack}.rules.yaml`),
  }));
  const own = config.rules.files.map((file) => ({
    from: `rules.files: ${file}`,
    path: isAbsolute(file) ? file : resolve(file),
  }));
  return [...packs, ...own].flatMap(({ from, path }) => {
    if (existsSync(path)) return ruleFilesAt(path);
    mistakes.push({ file: from, line: 0, column: 0, says: `there is no file ${path}; correct the name` });
    return [];
  });
}

/** Every pack but the objectives: what users are promised is theirs to say, and its alerts wake people. */
function shippedPacks(): readonly string[] {
  return readFolder(shipped.packs, ".rules.yaml")
    .map(({ name }) => basename(name, ".rules.yaml"))
    .filter((pack) => pack !== "slo");
}
