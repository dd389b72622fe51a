-- name: begin
-- An expired entry counts as none. One row for one caller: of two at once, the second waits for the first one's commit.
INSERT INTO idempotency (key, tenant, body_hash, holder, started_at, heartbeat_at, expires_at)
VALUES (%(key)s, %(tenant)s, %(body_hash)s, %(holder)s, %(now)s, %(now)s, %(expires_at)s)
ON CONFLICT (key) DO UPDATE SET
    body_hash = excluded.body_hash,
    holder = excluded.holder,
    started_at = excluded.started_at,
    heartbeat_at = excluded.heartbeat_at,
    expires_at = excluded.expires_at,
    answer = NULL
WHERE idempotency.expires_at < %(now)s
RETURNING true;

-- name: look
SELECT body_hash, answer FROM idempotency WHERE key = %(key)s;

-- name: take_over
UPDATE idempotency SET holder = %(holder)s, heartbeat_at = %(now)s
WHERE key = %(key)s AND body_hash = %(body_hash)s AND answer IS NULL AND heartbeat_at < %(stale)s
RETURNING started_at;

-- name: finish
UPDATE idempotency SET answer = %(answer)s, expires_at = %(expires_at)s
WHERE key = %(key)s AND holder = %(holder)s AND answer IS NULL;

-- name: release
DELETE FROM idempotency WHERE key = %(key)s AND holder = %(holder)s AND answer IS NULL;

-- name: leave
UPDATE idempotency SET heartbeat_at = '-infinity' WHERE key = %(key)s AND holder = %(holder)s AND answer IS NULL;

-- name: beat
UPDATE idempotency SET heartbeat_at = %(now)s
FROM unnest(%(keys)s::bytea[], %(holders)s::text[]) AS held (key, holder)
WHERE idempotency.key = held.key AND idempotency.holder = held.holder AND idempotency.answer IS NULL
    AND idempotency.heartbeat_at <> '-infinity';

-- name: prune
DELETE FROM idempotency WHERE expires_at < %(now)s;
