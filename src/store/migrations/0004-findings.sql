-- What log lines tell beside their counts: templates that are new, vanished or burst, another mix, events of the kernel.
CREATE TABLE IF NOT EXISTS {table findings} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  kind LowCardinality(String),
  entity String,
  severity LowCardinality(String),
  service LowCardinality(String),
  templateId String,
  incident String,
  says String,
  observed Float64,
  expected Float64,
  tail Float64,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};
