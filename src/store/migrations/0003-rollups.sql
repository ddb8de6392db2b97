-- Metrics by the bucket of event time. A bucket is always made anew from all its raw points, so making it twice changes
-- nothing; the newest version counts: read with FINAL. The bounds of histogram buckets are in otel_metrics_series.
CREATE TABLE IF NOT EXISTS {table metrics_10s} (
  SeriesHash UInt64 CODEC(ZSTD(1)),
  Bucket DateTime CODEC(Delta(4), ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  -- Points in the bucket.
  Points UInt32 CODEC(T64, ZSTD(1)),
  -- Of the points' values; of a histogram or summary, of its sums.
  Sum Float64 CODEC(ZSTD(1)),
  Min Float64 CODEC(ZSTD(1)),
  Max Float64 CODEC(ZSTD(1)),
  First Float64 CODEC(ZSTD(1)),
  Last Float64 CODEC(ZSTD(1)),
  FirstAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  LastAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  -- By how much a counter grew from the first point to the last, resets seen; of a delta counter, all of it. 0 for gauges.
  Increase Float64 CODEC(ZSTD(1)),
  -- The same for the number of observations of histograms and summaries; 0 for others.
  FirstCount UInt64 CODEC(T64, ZSTD(1)),
  LastCount UInt64 CODEC(T64, ZSTD(1)),
  CountIncrease UInt64 CODEC(T64, ZSTD(1)),
  -- Bucket counts of explicit histograms; SumBuckets of delta ones only.
  FirstBuckets Array(UInt64) CODEC(ZSTD(1)),
  LastBuckets Array(UInt64) CODEC(ZSTD(1)),
  SumBuckets Array(UInt64) CODEC(ZSTD(1)),
  _version UInt64 CODEC(Delta(8), ZSTD(1))
) ENGINE = {engine ReplacingMergeTree(_version)} PARTITION BY toMonday(Bucket)
ORDER BY (SeriesHash, Bucket)
SETTINGS {durable}, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS {table metrics_1m} (
  SeriesHash UInt64 CODEC(ZSTD(1)),
  Bucket DateTime CODEC(Delta(4), ZSTD(1)),
  ServiceName LowCardinality(String) CODEC(ZSTD(1)),
  MetricName LowCardinality(String) CODEC(ZSTD(1)),
  -- Points in the bucket.
  Points UInt32 CODEC(T64, ZSTD(1)),
  -- Of the points' values; of a histogram or summary, of its sums.
  Sum Float64 CODEC(ZSTD(1)),
  Min Float64 CODEC(ZSTD(1)),
  Max Float64 CODEC(ZSTD(1)),
  First Float64 CODEC(ZSTD(1)),
  Last Float64 CODEC(ZSTD(1)),
  FirstAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  LastAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
  -- By how much a counter grew from the first point to the last, resets seen; of a delta counter, all of it. 0 for gauges.
  Increase Float64 CODEC(ZSTD(1)),
  -- The same for the number of observations of histograms and summaries; 0 for others.
  FirstCount UInt64 CODEC(T64, ZSTD(1)),
  LastCount UInt64 CODEC(T64, ZSTD(1)),
  CountIncrease UInt64 CODEC(T64, ZSTD(1)),
  -- Bucket counts of explicit histograms; SumBuckets of delta ones only.
  FirstBuckets Array(UInt64) CODEC(ZSTD(1)),
  LastBuckets Array(UInt64) CODEC(ZSTD(1)),
  SumBuckets Array(UInt64) CODEC(ZSTD(1)),
  _version UInt64 CODEC(Delta(8), ZSTD(1))
) ENGINE = {engine ReplacingMergeTree(_version)} PARTITION BY toMonday(Bucket)
ORDER BY (SeriesHash, Bucket)
SETTINGS {durable}, ttl_only_drop_parts = 1;

-- How far the rollups have come; the greatest values count. Buckets before notBefore have lost raw points and stay as they are.
CREATE TABLE IF NOT EXISTS {table metrics_rollup_state} (
  id UInt8,
  throughBatch UInt64,
  upTo DateTime64(3),
  notBefore DateTime64(3)
) ENGINE = {engine ReplacingMergeTree} ORDER BY id
SETTINGS {durable};
