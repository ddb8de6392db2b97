// homeostat cost: what stored telemetry takes, a day and in the end.
import { parseArgs } from "node:util";
import type { CostReport } from "../../store/cost.ts";
import { type Command, configHelp, configOptions } from "../command.ts";
import { version } from "../paths.ts";
import { openConfiguredStore } from "../store-options.ts";
import { createTelemetry } from "../telemetry.ts";

export const cost: Command = {
  name: "cost",
  summary: "print what stored telemetry takes: rows, bytes, bytes a day, and the size to come at the retention",
  help: `Usage: homeostat cost [OPTIONS]

  --tenant NAME     only this tenant's; without it every tenant's, one table each
${configHelp}
  --json            one JSON document a tenant, one a line, sizes in bytes

Reads what the engine knows of its files, no rows. "A day" is the mean of the last up to 7 whole days of event time.
Works on the data of a stopped service.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...configOptions, tenant: { type: "string" }, json: { type: "boolean", default: false } },
    });
    await using telemetry = createTelemetry({ level: "warn", version });
    await using store = await openConfiguredStore({ file: values.config, sets: values.set ?? [] }, telemetry);
    const tenants = values.tenant === undefined ? store.tenants() : [values.tenant];
    for (const tenant of tenants) {
      const report = await store.cost(tenant);
      if (values.json) io.out(JSON.stringify({ tenant, ...report }));
      else {
        if (tenants.length > 1) io.out(`tenant ${tenant}:`);
        for (const line of tableOf(report)) io.out(line);
      }
    }
    return 0;
  },
};

function tableOf(report: CostReport): readonly string[] {
  const head = ["table", "rows", "on disk", "a row", "smaller by", "days", "a day", "kept", "then"];
  const rows = report.signals.flatMap((signal) => {
    const tables = report.tables.filter((table) => table.signal === signal.signal && table.rows > 0);
    return [signal.signal.toUpperCase(), ...tables].map((entry) => {
      const cost = typeof entry === "string" ? signal : entry;
      const ratio = cost.compressedBytes === 0 ? "" : `${(cost.uncompressedBytes / cost.compressedBytes).toFixed(1)}x`;
      return [
        typeof entry === "string" ? entry : `  ${entry.table}`,
        cost.rows.toLocaleString("en"),
        bytes(cost.diskBytes),
        cost.rows === 0 ? "" : bytes(cost.diskBytes / cost.rows),
        ratio,
        typeof entry === "string" ? "" : String(entry.days?.count ?? ""),
        bytes(cost.bytesPerDay),
        cost.retentionDays === undefined ? "for ever" : `${cost.retentionDays} d`,
        cost.projectedBytes === undefined ? "" : bytes(cost.projectedBytes),
      ];
    });
  });
  const { total } = report;
  const then = total.projectedBytes === undefined ? "" : bytes(total.projectedBytes);
  const last = [
    "TOTAL",
    total.rows.toLocaleString("en"),
    bytes(total.diskBytes),
    "",
    "",
    "",
    bytes(total.bytesPerDay),
    "",
    then,
  ];
  return aligned([head, ...rows, last]);
}

/** First column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(1)} ${units[unit]}`;
}
