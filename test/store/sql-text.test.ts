// Where clauses of a statement lie, whatever strings and comments pretend.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backquote, inspect, quote } from "../../src/store/engine/sql-text.ts";

describe("a statement's text", () => {
  const strings = ["'a;b'", "'it''s; x'", "'\\';'", '"q;"', "`w;`", "/* ; */ 1", "$x$ ; ' $x$", "-- ;\n1"];
  it.each(strings)("is one statement although %s holds a semicolon", (text) => {
    expect(inspect(`SELECT ${text}`).several).toBe(false);
    expect(inspect(`SELECT ${text} ; -- end\n;`).several).toBe(false);
    expect(inspect(`SELECT ${text} ; SELECT 2`).several).toBe(true);
  });

  it.each([
    ["SELECT 1", true],
    ["/* c */ with x AS (SELECT 1) SELECT * FROM x", true],
    ["(SELECT 1)", true],
    ["EXPLAIN SELECT 1", true],
    ["WITH 1 AS x INSERT INTO t SELECT x", false],
    ["INSERT INTO t VALUES (1)", false],
    ["DROP TABLE t", false],
    ["ALTER TABLE t DELETE WHERE 1", false],
    ["SYSTEM RELOAD CONFIG", false],
    ["", false],
  ])("%s reads: %s", (sql, reads) => {
    expect(inspect(sql).reads).toBe(reads);
  });

  it("names its format only where there is such a clause", () => {
    expect(inspect("SELECT 1 FORMAT JSON").format).toBe("JSON");
    expect(inspect("SELECT 1 format TSV SETTINGS a = 1;")).toMatchObject({ format: "TSV", settingsAfterFormat: true });
    for (const sql of [
      "SELECT format FROM t",
      "SELECT format('{}', 1)",
      "SELECT 1 AS format",
      "SELECT (SELECT 1 FORMAT x)",
    ])
      expect(inspect(sql).format).toBeUndefined();
  });

  it("finds placeholders outside strings and comments only", () => {
    const sql =
      "SELECT {a:String}, '{b:String}', `{c:String}`, {a:String} /* {d:Int8} */ FROM {e:Identifier} -- {f:Int8}";
    expect(inspect(sql).placeholders).toEqual(["a", "e"]);
    expect(inspect("SELECT {'k': 1}").placeholders).toEqual([]);
  });

  it.each([
    ["INSERT INTO t FORMAT Native", "INSERT INTO t", "Native"],
    [
      'INSERT INTO d.`t x` (a, `b)`) SETTINGS x = 1 FORMAT JSONEachRow {"a": "FORMAT"}',
      "INSERT INTO d.`t x` (a, `b)`)",
      "JSONEachRow",
    ],
    ["insert into table t (a) values (1, ';')", "insert into table t (a)", "Values"],
    ["INSERT INTO t (a) SELECT a FROM input('a Int8') FORMAT TSV", "INSERT INTO t (a)", "TSV"],
    ["INSERT INTO t SELECT format FROM u", "INSERT INTO t", undefined],
  ])("%s has its head and data told apart", (sql, head, format) => {
    const { insert } = inspect(sql);
    expect(sql.slice(0, insert!.headEnd)).toBe(head);
    expect(insert!.format).toBe(format);
    if (insert!.input !== undefined) expect(sql.slice(insert!.input.start, insert!.input.end)).toBe("input(");
  });

  it("never ends a literal or identifier early, whatever is inside", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(inspect(`SELECT ${quote(text)} AS ${backquote(text)}`)).toMatchObject({
          several: false,
          placeholders: [],
        });
        expect(inspect(`SELECT ${quote(text)}; SELECT 1`).several).toBe(true);
      }),
    );
  });

  it("is looked at without an error, whatever it is", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void inspect(text)));
  });
});
