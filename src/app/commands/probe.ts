// homeostat probe: every probe once, against the configured replicas or one that is named.
import { parseArgs } from "node:util";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import { formatDuration } from "../../model/time.ts";
import { createProbes } from "../../probe/probes.ts";
import type { ProbeResult } from "../../probe/result.ts";
import type { ProbeTarget } from "../../probe/target.ts";
import { factsOf } from "../../receive/privacy/text-facts.ts";
import { type Command, configHelp, configOptions, type Io, userError } from "../command.ts";
import { formatMistakes, loadConfig } from "../config.ts";
import { Probes } from "../config-probes.ts";
import { probeKnowledge } from "../probe-files.ts";
import { random } from "../probes-job.ts";

/** Who asks by hand means it. */
const plenty = { share: 0, floorPerDay: 1e12 };

export const probe: Command = {
  name: "probe",
  summary: "ask served models questions with known answers, once, and say which do not pass",
  help: `Usage: homeostat probe [FILE] [--target URL] [OPTIONS]

FILE is a probe file or a folder of them; without it, those of rules/probes and of probes.files are run.

  --target URL      the engine to ask, such as http://127.0.0.1:8000; may be repeated (default: probes.targets)
  --model NAME      the model to ask --target for (default: the first that /v1/models names)
${configHelp}
  --json            one JSON document: { "ok": …, "results": […], "probes": […], "canaries": […], "tokens": … }

Probes run one at a time for each replica. No budget is kept. Exit code 0 when all pass, 1 when one does not.`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...configOptions,
        target: { type: "string", multiple: true },
        model: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    if (positionals.length > 1) throw userError("it takes one file or folder of probes; run it once for each");
    const loaded = loadConfig({ file: values.config, sets: values.set ?? [] });
    if (!loaded.ok) throw userError(formatMistakes(loaded.mistakes));
    const { probes: config } = loaded.config;
    const [file] = positionals;
    const targets = values.target === undefined ? config.targets : namedTargets(values.target, values.model);
    const knowledge = probeKnowledge(file === undefined ? config : { files: [file], shipped: false, manifests: [] });
    if (knowledge.mistakes.length > 0) throw userError(formatMistakes(knowledge.mistakes));
    if (targets.length === 0 && knowledge.manifests.length === 0)
      throw userError("there is nobody to ask; name an engine with --target URL, or set probes.targets");
    await using probes = createProbes(
      { ...knowledge, targets, budget: plenty },
      {
        ...{ sink: { put: () => {} }, entities: () => [], readFacts: factsOf, random, telemetry: silentTelemetry },
        tell: (result) => void (values.json || io.out(lineOf(result))),
      },
    );
    const results = await probes.run(Date.now());
    const { budget, probes: about, canaries } = probes.status();
    const ok = results.length > 0 && results.every(({ outcome }) => outcome === "passed");
    if (values.json)
      io.out(JSON.stringify({ ok, results: results.map(plain), probes: about, canaries, tokens: budget.spent }));
    else {
      for (const { id, runsPerDay, failureShare } of about)
        io.out(
          `${id}: ${runsPerDay} questions a day see a share of ${shown(failureShare)} failing, and no smaller one`,
        );
      sum(results, budget.spent, io);
    }
    if (results.length === 0) io.err("homeostat probe: no probe fits these targets, so nothing was asked");
    return ok ? 0 : 1;
  },
};

function namedTargets(urls: readonly string[], model: string | undefined): readonly ProbeTarget[] {
  const named = Probes.shape.targets.safeParse(urls.map((url) => ({ url, ...(model === undefined ? {} : { model }) })));
  if (named.success) return named.data;
  throw userError(`--target ${urls.join(" ")}: ${named.error.issues[0]?.message}`);
}

function lineOf({ outcome, probe: name, case: one, entity, says, seconds }: ProbeResult): string {
  const what = one === "" ? name : `${name}/${one}`;
  const took = Number.isNaN(seconds) ? "" : ` (${formatDuration(Math.max(1, Math.round(seconds * 1000)))})`;
  return `${outcome.padEnd(10)}  ${entity}  ${what}: ${says}${took}`;
}

function sum(results: readonly ProbeResult[], tokens: number, io: Io): void {
  const passed = results.filter(({ outcome }) => outcome === "passed").length;
  io.out(`${passed} of ${results.length} passed, ${tokens} tokens`);
}

/** NaN is no JSON. */
function plain(result: ProbeResult): object {
  const known = (value: number): number | null => (Number.isNaN(value) ? null : value);
  return { ...result, seconds: known(result.seconds), score: known(result.score) };
}

function shown(share: number): string {
  return Number.isNaN(share) ? "nothing short of all" : `${(share * 100).toPrecision(2)} %`;
}
