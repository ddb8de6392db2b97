// The layer rule of docs/decisions: rooms share model/, math/ and promql/, and nothing else; app/ introduces them.
const rooms = "receive|store|observe|detect|diagnose|code|act|tune|deliver|agent|probe|compare|show|simulate";
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "model-imports-nothing-of-ours",
      severity: "error",
      from: { path: "^src/model" },
      to: { path: "^src/(?!model/)" },
    },
    {
      name: "tools-import-only-the-model",
      severity: "error",
      from: { path: "^src/(math|promql)/" },
      to: { path: "^src/", pathNot: "^src/(model|math|promql)/" },
    },
    {
      name: "rooms-share-only-the-model",
      severity: "error",
      from: { path: `^src/(${rooms})/` },
      to: { path: `^src/(${rooms}|app)/`, pathNot: "^src/$1/" },
    },
    {
      name: "only-app-knows-the-rooms",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/(app|${rooms})/` },
      to: { path: `^src/(${rooms}|app)/` },
    },
    {
      name: "tensorflow-stays-in-its-corner",
      severity: "error",
      from: { pathNot: "^src/detect/learned/" },
      to: { path: "@tensorflow/" },
    },
    {
      name: "sql-stays-in-the-store",
      severity: "error",
      from: { pathNot: "^src/store/" },
      to: { path: "(@clickhouse/|chdb)" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "pure-tools-do-no-io",
      severity: "error",
      from: { path: "^src/(model|math|promql)/" },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
  },
};
