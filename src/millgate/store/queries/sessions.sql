-- name: insert
INSERT INTO session (id, token_hash, client_id, tenant, persona, sealed, created_at, expires_at)
VALUES (%(id)s, %(token_hash)s, %(client_id)s, %(tenant)s, %(persona)s, %(sealed)s, %(created_at)s, %(expires_at)s);

-- name: by_token
SELECT id, client_id, tenant, persona, sealed, created_at, expires_at, token_hash
FROM session
WHERE token_hash = %(token_hash)s
    AND ended_at IS NULL
    AND EXISTS (SELECT FROM client WHERE client.id = session.client_id AND client.revoked_at IS NULL);

-- name: get
SELECT id, client_id, tenant, persona, sealed, created_at, expires_at FROM session WHERE id = %(id)s AND ended_at IS NULL;

-- name: narrow
UPDATE session SET sealed = %(sealed)s WHERE id = %(id)s AND ended_at IS NULL;

-- name: end
UPDATE session SET ended_at = %(now)s WHERE id = %(id)s AND ended_at IS NULL;

-- name: prune
DELETE FROM session WHERE expires_at < %(before)s OR ended_at < %(before)s;

-- name: count_open
SELECT count(*) FROM session WHERE ended_at IS NULL AND expires_at > %(now)s;
