// Whether text ever comes with a service's model calls: where none does, the health of its output cannot be judged.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Signal } from "./decoder.ts";
import type { TextCoverage } from "./tally.ts";
import { OTHER } from "./text-coverage.ts";

export interface ServiceText {
  /** `service.name`; `other` for all beyond the first 200, empty if the sender gives none. */
  readonly service: string;
  /** Spans and log records since start that are model calls or carry their text. */
  readonly withText: number;
  readonly withoutText: number;
  /** One line for an operator: what can be known of its output, and what to change. */
  readonly says: string;
}

export interface TextBook {
  note(signal: Signal, coverage: readonly TextCoverage[]): void;
  services(): readonly ServiceText[];
}

const SERVICES_MAX = 200;

/** Totals by service, and `homeostat.receive.text_coverage{service, signal, text}` as a counter. */
export function createTextBook(telemetry: Telemetry): TextBook {
  const services = new Map<string, { withText: number; withoutText: number }>();

  function totals(service: string): readonly [string, { withText: number; withoutText: number }] {
    const known = services.get(service);
    if (known !== undefined) return [service, known];
    if (services.size >= SERVICES_MAX && service !== OTHER) return totals(OTHER);
    const fresh = { withText: 0, withoutText: 0 };
    services.set(service, fresh);
    return [service, fresh];
  }

  return {
    note(signal, coverage) {
      for (const { service: sent, withText, withoutText } of coverage) {
        const [service, sum] = totals(sent);
        sum.withText += withText;
        sum.withoutText += withoutText;
        const count = (items: number, text: "seen" | "none"): void => {
          if (items > 0) telemetry.count("homeostat.receive.text_coverage", items, { service, signal, text });
        };
        count(withText, "seen");
        count(withoutText, "none");
      }
    },
    services: () => [...services].map(([service, sum]) => ({ service, ...sum, says: sayCoverage(sum) })),
  };
}

function sayCoverage({ withText, withoutText }: { readonly withText: number; readonly withoutText: number }): string {
  const calls = withText + withoutText;
  if (withText > 0)
    return `text came with ${withText} of ${calls} model calls and messages; its facts are stored, not the text unless the policy keeps it`;
  return `no text came with any of ${calls} model calls: nothing is known of what was answered; have the sender capture message content (facts are taken from it before it is dropped)`;
}
