-- name: claim_master
INSERT INTO vault_master (proof, created_at)
SELECT %(proof)s, %(now)s WHERE NOT EXISTS (SELECT FROM vault_master)
ON CONFLICT DO NOTHING;

-- name: master
SELECT proof FROM vault_master;

-- name: lock_master
SELECT proof FROM vault_master FOR UPDATE;

-- name: replace_master
UPDATE vault_master SET proof = %(proof)s, rotated_at = %(now)s;

-- name: keys
SELECT id, wrapped, state FROM vault_key WHERE tenant = %(tenant)s ORDER BY id;

-- name: all_keys
SELECT id, tenant, wrapped FROM vault_key ORDER BY id FOR UPDATE;

-- name: insert_key
-- Only under the master key that the database knows: a process that missed a rotation adds nothing.
INSERT INTO vault_key (tenant, state, wrapped, created_at)
SELECT %(tenant)s, 'active', %(wrapped)s, %(now)s
FROM (SELECT FROM vault_master WHERE proof = %(proof)s FOR SHARE) AS current
ON CONFLICT (tenant) WHERE state = 'active' DO NOTHING;

-- name: retire_active
UPDATE vault_key SET state = 'retired', retired_at = %(now)s WHERE tenant = %(tenant)s AND state = 'active';

-- name: rewrap
UPDATE vault_key SET wrapped = new.wrapped
FROM unnest(%(ids)s::integer[], %(wrapped)s::bytea[]) AS new (id, wrapped)
WHERE vault_key.id = new.id;

-- name: delete_keys
DELETE FROM vault_key WHERE tenant = %(tenant)s;

-- name: delete_secrets
DELETE FROM vault_secret WHERE tenant = %(tenant)s;

-- name: put_secret
INSERT INTO vault_secret (tenant, name, sealed, changed_at)
VALUES (%(tenant)s, %(name)s, %(sealed)s, %(now)s)
ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at;

-- name: get_secret
SELECT sealed FROM vault_secret WHERE tenant = %(tenant)s AND name = %(name)s;

-- name: forget_secret
DELETE FROM vault_secret WHERE tenant = %(tenant)s AND name = %(name)s;

-- name: status
SELECT
    master.created_at,
    master.rotated_at,
    (SELECT count(*) FROM vault_key WHERE state = 'active'),
    (SELECT count(*) FROM vault_key WHERE state = 'retired'),
    (SELECT min(created_at) FROM vault_key),
    (SELECT max(created_at) FROM vault_key),
    (SELECT count(*) FROM vault_secret)
FROM vault_master AS master;
