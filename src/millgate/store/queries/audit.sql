-- name: begun
SELECT sealed FROM vault_secret WHERE tenant = '' AND name = 'audit';

-- name: take_turns
SELECT pg_advisory_xact_lock(1634558057);

-- name: remember_beginning
INSERT INTO vault_secret (tenant, name, sealed, changed_at) VALUES ('', 'audit', %(sealed)s, %(now)s);

-- name: begin
INSERT INTO audit_head (seq, hash, mac) VALUES (0, %(hash)s, %(mac)s);

-- name: head
SELECT seq, hash, mac FROM audit_head;

-- name: lock_head
SELECT seq, hash, mac FROM audit_head FOR UPDATE;

-- name: append
-- One statement, one transaction: the head moves from where this process knows it, or nothing is written.
WITH head AS (
    UPDATE audit_head SET seq = %(to_seq)s, hash = %(to_hash)s, mac = %(mac)s
    WHERE seq = %(from_seq)s AND hash = %(from_hash)s
    RETURNING seq
)
INSERT INTO audit (
    seq, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, code, freshness,
    patients, sealed, hash
)
SELECT
    seq, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, code, freshness,
    patients::bytea[], sealed, hash
FROM unnest(
    %(seq)s, %(at)s, %(request_id)s, %(client_id)s, %(session_id)s, %(tenant)s, %(persona)s, %(action)s, %(object)s,
    %(purpose)s, %(status)s, %(code)s, %(freshness)s, %(patients)s, %(sealed)s, %(hash)s
) AS new (
    seq, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, code, freshness,
    patients, sealed, hash
)
WHERE EXISTS (SELECT FROM head);

-- name: walk
SELECT
    seq, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, code, freshness,
    patients, sealed, hash
FROM audit
ORDER BY seq;

-- name: list
SELECT
    seq, at, request_id, client_id, session_id, tenant, persona, action, object, purpose, status, code, freshness,
    patients, sealed, hash
FROM audit
WHERE (%(before)s::bigint IS NULL OR seq < %(before)s)
    AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    AND (%(client_id)s::text IS NULL OR client_id = %(client_id)s)
    AND (%(session_id)s::text IS NULL OR session_id = %(session_id)s)
    AND (%(action)s::text IS NULL OR action = %(action)s)
    AND (%(request_id)s::text IS NULL OR request_id = %(request_id)s)
    AND (%(patient)s::bytea IS NULL OR patients @> ARRAY[%(patient)s::bytea])
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
ORDER BY seq DESC
LIMIT %(limit)s;
