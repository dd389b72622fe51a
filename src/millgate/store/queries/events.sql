-- name: add
INSERT INTO event (id, type, tenant, at, data)
VALUES (%(id)s, %(type)s, %(tenant)s, %(at)s, %(data)s)
ON CONFLICT (id) DO NOTHING;

-- name: list
-- Only what every earlier transaction has committed, so that nobody passes over an event that comes later under an earlier number.
SELECT seq, id, type, tenant, at, data
FROM event
WHERE
    seq > %(after)s
    AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    AND transaction < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY seq
LIMIT %(limit)s;

-- name: prune
DELETE FROM event WHERE at < %(older_than)s;
