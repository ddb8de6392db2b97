// The SQL of the dashboard, over the telemetry tables and Homeostat's own. Macros are those of Grafana's ClickHouse data source.

/** The replica a point comes from, as Homeostat's entity book reads it off the resource. */
const replicaOf = `coalesce(
    nullIf(ResourceAttributes['service.instance.id'], ''),
    nullIf(ResourceAttributes['k8s.pod.name'], ''),
    nullIf(ResourceAttributes['instance'], ''),
    nullIf(Attributes['instance'], ''),
    nullIf(ResourceAttributes['host.name'], ''),
    nullIf(ServiceName, ''),
    'unknown')`;

const chosen = `$__conditionalAll(replica IN (\${replica:singlequote}), $replica)`;
const bucket = "toStartOfInterval(toDateTime(TimeUnix), INTERVAL $__interval_s second)";

/** Every way the vLLM metric may be written: with ":" or "_", Ray's prefix, with and without the counter's "_total". */
function spellings(...names) {
  const all = names.flatMap((name) =>
    ["vllm:", "vllm_", "ray_vllm_"].flatMap((prefix) => [`'${prefix}${name}'`, `'${prefix}${name}_total'`]),
  );
  return `MetricName IN (${all.join(", ")})`;
}

/** A gauge over time by replica: the last value of each series in a step, then `combine` over the replica's series. */
export function gauge(combine, ...names) {
  return `SELECT time, replica, ${combine}(last) AS value
FROM (
  SELECT ${bucket} AS time, ${replicaOf} AS replica, SeriesHash, argMax(Value, TimeUnix) AS last
  FROM otel_metrics_gauge
  WHERE $__timeFilter_ms(TimeUnix) AND ${spellings(...names)} AND bitAnd(Flags, 1) = 0
  GROUP BY time, replica, SeriesHash
)
WHERE ${chosen}
GROUP BY time, replica
ORDER BY time, replica`;
}

/**
 * The rate of a counter by replica. A cumulative series that falls has restarted and counts from zero; delta series are
 * summed. Of the first step there is no rate.
 */
export function rate(...names) {
  return `SELECT time, replica, sum(perSecond) AS value
FROM (
  SELECT time, replica, delta, nth,
    if(delta, added / $__interval_s, if(last >= before, last - before, last) / greatest(dateDiff('millisecond', beforeAt, lastAt) / 1000, 0.001)) AS perSecond
  FROM (
    SELECT time, replica, delta, added, last, lastAt,
      lagInFrame(last) OVER series AS before,
      lagInFrame(lastAt) OVER series AS beforeAt,
      row_number() OVER series AS nth
    FROM (
      SELECT ${bucket} AS time, ${replicaOf} AS replica, SeriesHash,
        any(AggregationTemporality) = 1 AS delta, sum(Value) AS added,
        argMax(Value, TimeUnix) AS last, max(TimeUnix) AS lastAt
      FROM otel_metrics_sum
      WHERE $__timeFilter_ms(TimeUnix) AND ${spellings(...names)} AND bitAnd(Flags, 1) = 0
      GROUP BY time, replica, SeriesHash
    )
    WINDOW series AS (PARTITION BY SeriesHash ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
  )
)
WHERE (delta OR nth > 1) AND ${chosen}
GROUP BY time, replica
ORDER BY time, replica`;
}

/**
 * A quantile by replica from histogram buckets, linear within the bucket as Prometheus' histogram_quantile. Series with
 * different bounds are not mixed: the ladder with most observations speaks. Steps without observations are left out.
 */
export function quantile(q, ...names) {
  return `SELECT time, replica, argMax(quantile, total) AS value
FROM (
  SELECT time, replica, arrayCumSum(counts) AS cumulative, cumulative[-1] AS total, ${q} * total AS rank,
    arrayFirstIndex(c -> c >= rank, cumulative) AS at,
    if(at = 1, 0, cumulative[at - 1]) AS below,
    if(at = 1, 0, bounds[at - 1]) AS low,
    if(at > length(bounds), bounds[-1], low + (bounds[at] - low) * (rank - below) / (cumulative[at] - below)) AS quantile
  FROM (
    SELECT time, replica, bounds, sumForEach(added) AS counts
    FROM (
      SELECT time, replica, bounds, delta, nth,
        if(delta OR length(before) != length(last) OR arrayExists((l, b) -> l < b, last, before), if(delta, sums, last), arrayMap((l, b) -> l - b, last, before)) AS added
      FROM (
        SELECT time, replica, bounds, delta, sums, last,
          lagInFrame(last) OVER series AS before,
          row_number() OVER series AS nth
        FROM (
          SELECT ${bucket} AS time, ${replicaOf} AS replica, SeriesHash, any(ExplicitBounds) AS bounds,
            any(AggregationTemporality) = 1 AS delta, sumForEach(CAST(BucketCounts, 'Array(Float64)')) AS sums,
            argMax(CAST(BucketCounts, 'Array(Float64)'), TimeUnix) AS last
          FROM otel_metrics_histogram
          WHERE $__timeFilter_ms(TimeUnix) AND ${spellings(...names)} AND length(BucketCounts) = length(ExplicitBounds) + 1 AND bitAnd(Flags, 1) = 0
          GROUP BY time, replica, SeriesHash
        )
        WINDOW series AS (PARTITION BY SeriesHash ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
      )
    )
    WHERE (delta OR nth > 1) AND ${chosen}
    GROUP BY time, replica, bounds
  )
  WHERE total > 0
)
GROUP BY time, replica
ORDER BY time, replica`;
}

/** Values of the variable `replica`. */
export const replicas = `SELECT DISTINCT ${replicaOf} AS replica
FROM otel_metrics_gauge
WHERE $__timeFilter_ms(TimeUnix) AND match(MetricName, '^(ray_)?vllm[:_]')
ORDER BY replica`;

export const replicaCount = `SELECT uniqExact(${replicaOf}) AS replicas
FROM otel_metrics_gauge
WHERE $__timeFilter_ms(TimeUnix) AND match(MetricName, '^(ray_)?vllm[:_]')`;

export const openCount = "SELECT count() AS open FROM incidents FINAL WHERE state != 'resolved'";

export const firingCount = "SELECT count() AS firing FROM alerts FINAL WHERE state = 'firing'";

export const verifiedCount = `SELECT uniqExact(id) AS repairs
FROM actions
WHERE state = 'verified' AND $__timeFilter_ms(at)`;

/** Open incidents, each with its latest diagnosis. */
export const openIncidents = `SELECT incident.openedAt AS opened, incident.severity AS severity, incident.state AS state,
  incident.title AS title, incident.entity AS entity, diagnosis.failureMode AS cause,
  if(diagnosis.incident = '', NULL, diagnosis.probability) AS probability, diagnosis.summary AS diagnosis
FROM (SELECT * FROM incidents FINAL WHERE state != 'resolved') AS incident
LEFT JOIN (
  SELECT incident, argMax(failureMode, at) AS failureMode, argMax(probability, at) AS probability, argMax(summary, at) AS summary
  FROM diagnoses FINAL
  GROUP BY incident
) AS diagnosis ON diagnosis.incident = incident.id
ORDER BY incident.severity = 'critical' DESC, opened DESC
LIMIT 100`;

export const diagnoses = `SELECT at, entity, failureMode AS cause, probability, summary, incident
FROM diagnoses FINAL
WHERE $__timeFilter_ms(at)
ORDER BY at DESC
LIMIT 200`;

export const actions = `SELECT at, kind, entity, state, actor, reason, failureMode AS cause, incident, id AS action
FROM actions
WHERE $__timeFilter_ms(at)
ORDER BY at DESC, _batch DESC, _i DESC
LIMIT 500`;

export const recommendations = `SELECT at, kind, entity, title, JSONExtractString(body, 'why') AS why, JSONExtractString(body, 'expected') AS expected,
  JSONExtractString(body, 'risk') AS risk
FROM recommendations FINAL
WHERE $__timeFilter_ms(at)
ORDER BY at DESC
LIMIT 200`;

export const changes = `SELECT at, kind, entity, summary, actor
FROM changes FINAL
WHERE $__timeFilter_ms(at)
ORDER BY at DESC
LIMIT 200`;

export const changeMarks = `SELECT at AS time, concat(kind, ' of ', entity) AS title, summary AS text, kind AS tags
FROM changes FINAL
WHERE $__timeFilter_ms(at)
ORDER BY time
LIMIT 500`;

export const incidentMarks = `SELECT openedAt AS time, coalesce(resolvedAt, $__toTime_ms) AS timeEnd, title, entity AS text, severity AS tags
FROM incidents FINAL
WHERE openedAt <= $__toTime_ms AND coalesce(resolvedAt, $__toTime_ms) >= $__fromTime_ms
ORDER BY time
LIMIT 500`;
