// The real engine, for reading what we wrote.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { nativeFile, type Row } from "./read-native.ts";

export interface Engine {
  /** Rows of a query; the batch's rows are in table `rows`. */
  query(batch: ColumnBatch, sql: string): Row[];
  close(): void;
}

export function openEngine(): Engine {
  const directory = mkdtempSync(join(tmpdir(), "homeostat-receive-"));
  const session = new Session();
  let files = 0;
  return {
    query(batch, sql) {
      const path = join(directory, `${files++}.native`);
      writeFileSync(path, nativeFile(batch));
      const result = session.query(
        `WITH rows AS (SELECT * FROM file('${path}', 'Native')) ${sql} SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1`,
        "JSONEachRow",
      );
      return String(result)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Row);
    },
    close() {
      session.cleanup();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
