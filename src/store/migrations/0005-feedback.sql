-- What people say: users of answers, engineers of diagnoses.
CREATE TABLE IF NOT EXISTS {table feedback} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  kind LowCardinality(String),
  state LowCardinality(String),
  entity String,
  model LowCardinality(String),
  diagnosis String,
  incident String,
  failureMode LowCardinality(String),
  verdict LowCardinality(String),
  actor String,
  score Float64,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};
