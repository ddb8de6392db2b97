// A bare engine told that it is the only node of cluster `c`, with an in-memory Keeper. Runs statements (JSON list on
// stdin) and tells how each went: {"rows"} or {"error"} a line. Argument: a folder of its own.
import { mkdirSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { Session } from "chdb";

const [, , folder] = process.argv;
mkdirSync(folder, { recursive: true });
writeFileSync(
  `${folder}/config.xml`,
  `<clickhouse>
    <remote_servers><c><shard><internal_replication>true</internal_replication>
      <replica><host>127.0.0.1</host><port>9000</port></replica></shard></c></remote_servers>
    <tcp_port>9000</tcp_port>
    <macros><shard>1</shard><replica>r1</replica></macros>
    <default_replica_path>/clickhouse/tables/{database}/{table}/{shard}</default_replica_path>
    <zookeeper><implementation>testkeeper</implementation></zookeeper>
  </clickhouse>`,
);
const session = new Session(`${folder}/data`, { connectionArgs: [`--config-file=${folder}/config.xml`] });
for (const sql of JSON.parse(readFileSync(0, "utf8"))) {
  let answer;
  try {
    const text = String(session.query(sql, "JSONCompactEachRow"));
    const lines = text.split("\n").filter((line) => line !== "");
    answer = { rows: lines.map((line) => JSON.parse(line)) };
  } catch (error) {
    answer = { error: error.message };
  }
  writeSync(1, `${JSON.stringify(answer)}\n`);
}
// An orderly end waits for replication that this Keeper never finishes.
process.kill(process.pid, "SIGKILL");
