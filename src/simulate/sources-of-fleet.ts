// Everything about a fleet that is scraped: its engines, and what surrounds them where the scenario asks for that.
import type { Fleet } from "./fleet.ts";
import type { EndKind } from "./gateway.ts";
import { gatewaySource } from "./gateway-source.ts";
import { gpuSource } from "./gpu-source.ts";
import type { Recorder } from "./otlp.ts";
import { controlPlaneSources, kubeStateSource, nodeSource } from "./platform-sources.ts";
import type { Source } from "./samples.ts";
import type { Scenario } from "./scenario.ts";

export interface Sources {
  /** How many targets there are now; they only grow. */
  count(): number;
  scrape(target: number, recorder: Recorder, atMs: number): void;
  answered(kind: EndKind, lastedMs: number): void;
}

type Scrape = (recorder: Recorder, atMs: number) => void;

export function createSources(scenario: Scenario, fleet: () => Fleet): Sources {
  const surrounded = scenario.telemetry.dcgm !== "none";
  const gateway = gatewaySource(fleet);
  const scrapes: Scrape[] = [];
  let known = 0;

  function find(): void {
    const { replicas, nodes } = fleet();
    if (known === 0 && surrounded) {
      for (const source of [gateway, kubeStateSource(fleet()), ...controlPlaneSources(fleet())]) add(source);
    }
    for (; known < replicas.length; known++) {
      const replica = replicas[known]!;
      const node = nodes[known]!;
      scrapes.push((recorder, atMs) => {
        if (replica.state !== "absent") recorder.scrape([replica], atMs);
      });
      if (!surrounded) continue;
      add(gpuSource(scenario, node));
      add(nodeSource(node, replica));
    }
  }

  function add(source: Source): void {
    scrapes.push((recorder, atMs) => recorder.sample(source, atMs));
  }

  return {
    count() {
      find();
      return scrapes.length;
    },
    scrape: (target, recorder, atMs) => scrapes[target]?.(recorder, atMs),
    answered: (kind, lastedMs) => gateway.answered(kind, lastedMs),
  };
}
