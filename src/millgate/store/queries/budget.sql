-- name: keep_hour
-- Whole hours: what a process says of an hour replaces what it said before.
INSERT INTO source_hour (
    source, begins_at, process, calls, throttled, most_at_once, most_per_s, endpoints, alive_at
)
VALUES (
    %(source)s, %(begins_at)s, %(process)s, %(calls)s, %(throttled)s, %(most_at_once)s, %(most_per_s)s, %(endpoints)s, now()
)
ON CONFLICT (source, begins_at, process) DO UPDATE SET
    calls = excluded.calls,
    throttled = excluded.throttled,
    most_at_once = excluded.most_at_once,
    most_per_s = excluded.most_per_s,
    endpoints = excluded.endpoints,
    alive_at = excluded.alive_at;

-- name: leave
UPDATE source_hour SET alive_at = NULL WHERE process = %(process)s AND alive_at IS NOT NULL;

-- name: hours
SELECT begins_at, calls, throttled, most_at_once, most_per_s, endpoints
FROM source_hour
WHERE source = %(source)s AND begins_at >= %(since)s
ORDER BY begins_at;

-- name: alive
SELECT source, count(DISTINCT process)
FROM source_hour
WHERE alive_at > now() - make_interval(secs => %(within_s)s) AND process <> %(process)s
GROUP BY source;

-- name: prune
DELETE FROM source_hour WHERE begins_at < %(older_than)s;

-- name: set_ceiling
INSERT INTO ceiling (tenant, rate_per_s, at_once, night_start, night_end, time_zone, set_at)
SELECT name, %(rate_per_s)s, %(at_once)s, %(night_start)s, %(night_end)s, %(time_zone)s, %(now)s
FROM tenant
WHERE name = %(tenant)s
ON CONFLICT (tenant) DO UPDATE SET
    rate_per_s = excluded.rate_per_s,
    at_once = excluded.at_once,
    night_start = excluded.night_start,
    night_end = excluded.night_end,
    time_zone = excluded.time_zone,
    set_at = excluded.set_at;

-- name: clear_ceiling
DELETE FROM ceiling WHERE tenant = %(tenant)s;

-- name: ceiling
SELECT rate_per_s, at_once, night_start, night_end, time_zone, set_at FROM ceiling WHERE tenant = %(tenant)s;

-- name: sources
-- Every tenant with its base, the bases of its personas that have another, and its ceiling.
SELECT
    tenant.name,
    tenant.fhir_base,
    (SELECT array_agg(registration.fhir_base) FROM registration
     WHERE registration.tenant = tenant.name AND registration.fhir_base IS NOT NULL),
    ceiling.rate_per_s, ceiling.at_once, ceiling.night_start, ceiling.night_end, ceiling.time_zone, ceiling.set_at
FROM tenant
LEFT JOIN ceiling ON ceiling.tenant = tenant.name
ORDER BY tenant.name;
