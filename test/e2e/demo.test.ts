// The demo, as a user starts it: every fault is diagnosed as what it is, repaired, and the repair verified.
import { describe, expect, test } from "vitest";
import { run } from "../support/service.ts";

interface Line {
  readonly event: string;
  readonly failureMode?: string;
  readonly data: { readonly causes?: readonly { readonly location: string; readonly for: readonly unknown[] }[] };
}

describe("homeostat demo --once --json", () => {
  test.each(["kv-cache-saturation", "stuck-engine", "upgrade-regression"])(
    "%s is found, named, repaired and verified",
    async (fault) => {
      // On a busy machine the wall runs ahead of what is judged.
      const demo = run(["demo", "--once", "--json", "--fault", fault, "--for", "8m"]);
      const code = await demo.exit;
      const lines = demo.out.map((line) => JSON.parse(line) as Line);
      const log = demo.out.map((line) => line.slice(0, 300)).join("\n");
      expect(code, `${log}\n${demo.err.join("\n")}`).toBe(0);
      const events = lines.map((line) => line.event);
      expect(events.at(-1)).toBe("recovered");
      for (const event of ["baseline-learned", "anomaly", "incident", "diagnosed", "webhook-sent"])
        expect(events, log).toContain(event);
      const first = lines.find((line) => line.event === "diagnosed");
      expect(first?.failureMode, log).toBe(fault);
      expect(first?.data.causes?.[0]?.location).toMatch(/^(replica|deployment):/);
      expect(first?.data.causes?.[0]?.for.length).toBeGreaterThan(0);
      // Nothing was alarming before the fault.
      expect(events.indexOf("fault"), log).toBeLessThan(events.indexOf("anomaly"));
    },
    540_000,
  );
});
