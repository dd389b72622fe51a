-- name: is_connected
SELECT 1 FROM tenant WHERE name = %(tenant)s AND created_at = %(connected_at)s;

-- name: hold_connected
-- Whoever removes the tenant waits for this transaction, and forgets the records after that.
SELECT 1 FROM tenant WHERE name = %(tenant)s AND created_at = %(connected_at)s FOR KEY SHARE;

-- name: look
SELECT key, content_hash, received_at, seen_at FROM record WHERE key = ANY (%(keys)s);

-- name: insert
-- In order of the keys, so that two processes that bring the same page never wait for each other in a circle.
INSERT INTO record (key, tenant, pathway, resource_type, version, content_hash, body, received_at, seen_at)
SELECT new.key, %(tenant)s, %(pathway)s, new.resource_type, 1, new.content_hash, new.body, %(received_at)s, %(received_at)s
FROM unnest(%(keys)s::bytea[], %(types)s::text[], %(hashes)s::bytea[], %(bodies)s::bytea[])
    AS new (key, resource_type, content_hash, body)
ORDER BY new.key
ON CONFLICT (key) DO NOTHING
RETURNING key;

-- name: lock
SELECT key, version, content_hash, received_at FROM record WHERE key = ANY (%(keys)s) ORDER BY key FOR UPDATE;

-- name: keep_history
INSERT INTO record_history (record_key, version, tenant, body, received_at, replaced_at)
SELECT key, version, tenant, body, received_at, %(received_at)s FROM record WHERE key = ANY (%(keys)s)
ON CONFLICT DO NOTHING;

-- name: update
UPDATE record SET
    version = record.version + 1,
    content_hash = new.content_hash,
    body = new.body,
    received_at = %(received_at)s,
    seen_at = %(received_at)s
FROM unnest(%(keys)s::bytea[], %(hashes)s::bytea[], %(bodies)s::bytea[]) AS new (key, content_hash, body)
WHERE record.key = new.key;

-- name: clear_terms
DELETE FROM record_term WHERE record_key = ANY (%(keys)s);

-- name: insert_terms
INSERT INTO record_term (hash, record_key, tenant, kind)
SELECT new.hash, new.record_key, %(tenant)s, new.kind
FROM unnest(%(hashes)s::bytea[], %(keys)s::bytea[], %(kinds)s::text[]) AS new (hash, record_key, kind)
ON CONFLICT DO NOTHING;

-- name: take_turn
-- Who writes into the change feed waits here until whoever did before has committed: so the order of the numbers is the order in which
-- changes become visible, and nobody passes over one that is committed late. Held until the transaction ends.
SELECT pg_advisory_xact_lock(1919248240);

-- name: insert_changes
INSERT INTO record_change (tenant, resource_type, record_key, version, kind, at)
SELECT %(tenant)s, new.resource_type, new.key, new.version, new.kind, %(received_at)s
FROM unnest(%(keys)s::bytea[], %(types)s::text[], %(versions)s::integer[], %(kinds)s::text[])
    WITH ORDINALITY AS new (key, resource_type, version, kind, place)
ORDER BY new.place;

-- name: mark_seen
-- A row that someone else is writing is left to them: their mark is as good.
UPDATE record SET seen_at = %(received_at)s
WHERE key IN (SELECT key FROM record WHERE key = ANY (%(keys)s) ORDER BY key FOR NO KEY UPDATE SKIP LOCKED)
    AND seen_at < %(received_at)s;

-- name: load
SELECT key, pathway, version, body, received_at, seen_at FROM record WHERE key = ANY (%(keys)s);

-- name: find
SELECT record.key, record.pathway, record.version, record.body, record.received_at, record.seen_at
FROM record_term JOIN record ON record.key = record_term.record_key
WHERE record_term.hash = %(hash)s
    AND (%(resource_type)s::text IS NULL OR record.resource_type = %(resource_type)s)
    AND (%(pathway)s::text IS NULL OR record.pathway = %(pathway)s)
ORDER BY record.key
LIMIT %(limit)s;

-- name: history
SELECT version, body, received_at, replaced_at FROM record_history WHERE record_key = %(key)s
UNION ALL
SELECT version, body, received_at, NULL FROM record WHERE key = %(key)s
ORDER BY version DESC;

-- name: changes
-- By the numbers alone, which `take_turn` keeps in order. The column `transaction` is not read: it means nothing in a restored dump.
SELECT seq, tenant, resource_type, record_key, version, kind, at
FROM record_change
WHERE seq > %(after)s
    AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
ORDER BY seq
LIMIT %(limit)s;

-- name: prune_history
DELETE FROM record_history WHERE replaced_at < %(before)s;

-- name: prune_changes
DELETE FROM record_change WHERE at < %(before)s;

-- name: forget_terms
DELETE FROM record_term WHERE tenant = %(tenant)s;

-- name: forget_history
DELETE FROM record_history WHERE tenant = %(tenant)s;

-- name: forget_changes
DELETE FROM record_change WHERE tenant = %(tenant)s;

-- name: forget_records
DELETE FROM record WHERE tenant = %(tenant)s;

-- name: counts
SELECT tenant, resource_type, count(*), sum(version) FROM record GROUP BY tenant, resource_type ORDER BY tenant, resource_type;
