// homeostat compare: whether one version, model, node or GPU serves better than another.
import { parseArgs } from "node:util";
import type { Comparison, MeasureComparison } from "../../model/comparison.ts";
import { apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { rangeHelp, rangeOptions, rangeParameters } from "../api-time.ts";
import { type Command, type Io, usageError, userError } from "../command.ts";
import { plain } from "../incident/untrusted.ts";

export const compare: Command = {
  name: "compare",
  summary: "tell whether one version, model, node or GPU serves better than another",
  help: `Usage: homeostat compare --a NAME=VALUE --b NAME=VALUE [OPTIONS]

Compares what is stored of two sides: time to first token, inter-token latency at equal batch, tokens per second and GPU, output
length and probe scores; requests by prompts of like length. Says of each, and of all together, whether B is better, worse, the same
or undecided, how much more it would take to decide, and what else differs between the sides.

  --a NAME=VALUE    one side: version, model, node, gpu, deployment, service, replica, image, namespace, tenant, or any attribute
                    of spans and resources; several with commas
  --b NAME=VALUE    the other
${rangeHelp}
  --margin SHARE    the least relative effect that matters (default 0.05)
${apiHelp}
  --json            one JSON document

Exit code 0 whatever the verdict; --fail-if-worse makes it 1 where B is worse.

Example: homeostat compare --a version=0.10.2 --b version=0.11.0 --from 6h`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...apiOptions,
        ...rangeOptions,
        a: { type: "string" },
        b: { type: "string" },
        margin: { type: "string" },
        "fail-if-worse": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const { a, b, margin } = values;
    if (a === undefined || b === undefined)
      throw usageError("say what to compare: --a version=0.10.2 --b version=0.11.0");
    const asked = new URLSearchParams({
      ...{ a, b },
      ...rangeParameters(values),
      ...(margin === undefined ? {} : { margin }),
    });
    const answer = (await connectApi(values).find(`/api/v1/compare?${asked}`)) as { data?: Comparison } | undefined;
    if (answer?.data === undefined) throw userError("the service compares nothing; is it a Homeostat of this version?");
    if (values.json) io.out(JSON.stringify(answer.data));
    else tell(answer.data, io);
    return values["fail-if-worse"] && answer.data.verdict === "worse" ? 1 : 0;
  },
};

function tell(found: Comparison, io: Io): void {
  const say = (text: string): void => io.out(plain(text));
  const sides = [
    ["A", found.a],
    ["B", found.b],
  ] as const;
  for (const [name, { label, requests, replicas }] of sides)
    say(`${name}  ${label}: ${requests.toLocaleString("en")} requests, ${replicas.length} replicas`);
  say(found.says);
  io.out("");
  for (const one of found.measures) {
    say(one.says);
    say(`    A ${amount(one, "a")}, B ${amount(one, "b")}`);
  }
  for (const one of found.confounders) say(`but: ${one}`);
  for (const one of found.notes) say(`note: ${one}`);
}

function amount(one: MeasureComparison, name: "a" | "b"): string {
  const { median, observations, minutes } = one[name];
  const unit = one.unit.replace(/[{}]/g, "");
  const value = median === undefined ? "nothing" : `${Number(median.toPrecision(3))}${unit === "1" ? "" : ` ${unit}`}`;
  return `${value} (${observations.toLocaleString("en")} in ${minutes} min)`;
}
