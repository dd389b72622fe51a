-- name: insert
INSERT INTO client (id, name, key_hash, tenants, scopes, created_at, return_urls)
VALUES (%(id)s, %(name)s, %(key_hash)s, %(tenants)s, %(scopes)s, %(now)s, %(return_urls)s);

-- name: by_key
SELECT id, name, tenants, scopes, created_at, revoked_at, return_urls, key_hash FROM client WHERE key_hash = %(key_hash)s;

-- name: get
SELECT id, name, tenants, scopes, created_at, revoked_at, return_urls FROM client WHERE id = %(id)s;

-- name: list
SELECT id, name, tenants, scopes, created_at, revoked_at, return_urls FROM client ORDER BY created_at, id;

-- name: revoke
UPDATE client SET revoked_at = coalesce(revoked_at, %(now)s) WHERE id = %(id)s;

-- name: end_sessions
UPDATE session SET ended_at = %(now)s WHERE client_id = %(id)s AND ended_at IS NULL;
