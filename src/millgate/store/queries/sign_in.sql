-- name: begin
INSERT INTO sign_in (id, client_id, tenant, persona, state_hash, sealed, created_at, expires_at)
VALUES (%(id)s, %(client_id)s, %(tenant)s, %(persona)s, %(state_hash)s, %(sealed)s, %(now)s, %(expires_at)s);

-- name: take
UPDATE sign_in SET answered_at = %(now)s
WHERE state_hash = %(state_hash)s AND answered_at IS NULL AND expires_at > %(now)s
RETURNING id, client_id, tenant, persona, sealed;

-- name: knows
SELECT id FROM sign_in WHERE state_hash = %(state_hash)s AND answered_at IS NULL AND expires_at > %(now)s;

-- name: answer
UPDATE sign_in SET code_hash = %(code_hash)s, outcome = %(outcome)s, code_expires_at = %(code_expires_at)s
WHERE id = %(id)s AND code_hash IS NULL;

-- name: redeem
UPDATE sign_in SET redeemed_at = %(now)s
WHERE code_hash = %(code_hash)s AND client_id = %(client_id)s AND redeemed_at IS NULL AND code_expires_at > %(now)s
RETURNING id, tenant, persona, outcome;

-- name: prune
DELETE FROM sign_in WHERE expires_at < %(before)s;

-- name: put_grant
INSERT INTO user_grant (session_id, tenant, sealed, expires_at, refreshed_at)
VALUES (%(session_id)s, %(tenant)s, %(sealed)s, %(expires_at)s, %(refreshed_at)s)
ON CONFLICT (session_id) DO UPDATE
SET sealed = excluded.sealed, expires_at = excluded.expires_at, refreshed_at = excluded.refreshed_at;

-- name: grant
SELECT tenant, sealed, expires_at, refreshed_at FROM user_grant WHERE session_id = %(session_id)s;

-- name: lock_grant
SELECT tenant, sealed, expires_at, refreshed_at FROM user_grant WHERE session_id = %(session_id)s FOR UPDATE;

-- name: end_grant
DELETE FROM user_grant WHERE session_id = %(session_id)s;

-- name: prune_grants
DELETE FROM user_grant
WHERE refreshed_at < %(before)s
    AND NOT EXISTS (
        SELECT FROM session WHERE session.id = user_grant.session_id AND session.ended_at IS NULL AND session.expires_at > %(now)s
    )
    AND NOT EXISTS (SELECT FROM sign_in WHERE sign_in.id = user_grant.session_id AND sign_in.redeemed_at IS NULL);

-- name: grants_of_tenant
SELECT user_grant.session_id, user_grant.tenant, user_grant.sealed, user_grant.expires_at, user_grant.refreshed_at
FROM user_grant
INNER JOIN session ON session.id = user_grant.session_id
WHERE user_grant.tenant = %(tenant)s AND session.persona = %(persona)s AND session.ended_at IS NULL;

-- name: left_over
-- Of sessions that are over, and of sign-ins that never became one.
SELECT left_over.session_id, left_over.client_id, left_over.tenant, left_over.persona, left_over.over_at
FROM (
    SELECT user_grant.session_id, session.client_id, session.tenant, session.persona,
        least(session.ended_at, session.expires_at) AS over_at
    FROM user_grant
    INNER JOIN session ON session.id = user_grant.session_id
    UNION ALL
    SELECT user_grant.session_id, sign_in.client_id, sign_in.tenant, sign_in.persona,
        coalesce(sign_in.code_expires_at, sign_in.expires_at)
    FROM user_grant
    INNER JOIN sign_in ON sign_in.id = user_grant.session_id
    WHERE NOT EXISTS (SELECT FROM session WHERE session.id = user_grant.session_id)
) AS left_over
WHERE left_over.over_at < %(before)s
ORDER BY left_over.over_at
LIMIT %(most)s;
