-- name: take_turn
-- Who tells of something waits here until whoever did before has committed: so the order of the numbers is the order in which events
-- become visible, and nobody passes over one that is committed late. Held until the transaction ends.
SELECT pg_advisory_xact_lock(1836345953);

-- name: add
INSERT INTO event (id, type, tenant, at, data)
VALUES (%(id)s, %(type)s, %(tenant)s, %(at)s, %(data)s)
ON CONFLICT (id) DO NOTHING;

-- name: list
SELECT seq, id, type, tenant, at, data
FROM event
WHERE
    seq > %(after)s
    AND (%(tenants)s::text[] IS NULL OR tenant = ANY (%(tenants)s))
    AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s))
ORDER BY seq
LIMIT %(limit)s;

-- name: latest
SELECT seq, id, type, tenant, at, data
FROM event
WHERE
    (%(tenants)s::text[] IS NULL OR tenant = ANY (%(tenants)s))
    AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s))
ORDER BY seq DESC
LIMIT %(limit)s;

-- name: newest
SELECT coalesce(max(seq), 0) FROM event;

-- name: prune
DELETE FROM event WHERE at < %(older_than)s;
