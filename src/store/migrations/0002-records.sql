-- What Homeostat finds, thinks, does and advises: columns for people's SQL, and the whole record as JSON in `body`.
-- `at` is event time; a later `_batch` is a later version of the same id, and FINAL shows the newest.

-- Episodes in which a series left what is normal for it.
CREATE TABLE IF NOT EXISTS {table anomalies} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  entity String,
  signal LowCardinality(String),
  state LowCardinality(String),
  endedAt Nullable(DateTime64(3)),
  tail Float64,
  direction LowCardinality(String),
  shape LowCardinality(String),
  observed Float64,
  detector LowCardinality(String),
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- Verdicts of rules.
CREATE TABLE IF NOT EXISTS {table alerts} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  rule LowCardinality(String),
  state LowCardinality(String),
  entity String,
  failureMode LowCardinality(String),
  resolvedAt Nullable(DateTime64(3)),
  value Float64,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- Things that went wrong.
CREATE TABLE IF NOT EXISTS {table incidents} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  state LowCardinality(String),
  severity LowCardinality(String),
  title String,
  entity String,
  openedAt DateTime64(3),
  resolvedAt Nullable(DateTime64(3)),
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- What an incident is thought to be.
CREATE TABLE IF NOT EXISTS {table diagnoses} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  incident String,
  failureMode LowCardinality(String),
  entity String,
  probability Float64,
  summary String,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- The ledger: every state every action went through; nothing is replaced.
CREATE TABLE IF NOT EXISTS {table actions} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  state LowCardinality(String),
  kind LowCardinality(String),
  entity String,
  incident String,
  failureMode LowCardinality(String),
  actor String,
  reason String,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine MergeTree} ORDER BY (at, id, _batch, _i)
SETTINGS {durable};

-- Advice.
CREATE TABLE IF NOT EXISTS {table recommendations} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  kind LowCardinality(String),
  entity String,
  title String,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- What somebody changed.
CREATE TABLE IF NOT EXISTS {table changes} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  kind LowCardinality(String),
  entity String,
  summary String,
  actor String,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};

-- The outbox: messages to receivers. `at` is when it was written.
CREATE TABLE IF NOT EXISTS {table deliveries} (
  id String,
  at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
  state LowCardinality(String),
  receiver String,
  attempts UInt32,
  error String,
  body String CODEC(ZSTD(3)),
  _batch UInt64 CODEC(Delta(8), ZSTD(1)),
  _i UInt32 CODEC(Delta(4), ZSTD(1)),
  INDEX idx_batch _batch TYPE minmax GRANULARITY 1
) ENGINE = {engine ReplacingMergeTree(_batch)} ORDER BY id
SETTINGS {durable};
