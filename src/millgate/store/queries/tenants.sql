-- name: insert
INSERT INTO tenant (name, fhir_base, time_zone, created_at, private_address)
VALUES (%(name)s, %(fhir_base)s, %(time_zone)s, %(created_at)s, %(private_address)s)
ON CONFLICT DO NOTHING;

-- name: update
UPDATE tenant SET
    fhir_base = %(fhir_base)s,
    time_zone = coalesce(%(time_zone)s, time_zone),
    private_address = %(private_address)s
WHERE name = %(name)s AND rtrim(fhir_base, '/') = rtrim(%(fhir_base)s, '/');

-- name: move
UPDATE tenant SET
    fhir_base = %(fhir_base)s,
    time_zone = coalesce(%(time_zone)s, time_zone),
    private_address = %(private_address)s,
    created_at = %(created_at)s
WHERE name = %(name)s;

-- name: forget_sessions
DELETE FROM session WHERE tenant = %(name)s;

-- name: forget_sign_ins
DELETE FROM sign_in WHERE tenant = %(name)s;

-- name: forget_grants
DELETE FROM user_grant WHERE tenant = %(name)s;

-- name: get
SELECT name, fhir_base, time_zone, created_at, private_address FROM tenant WHERE name = %(name)s;

-- name: list
SELECT name, fhir_base, time_zone, created_at, private_address FROM tenant ORDER BY name;

-- name: remove
DELETE FROM tenant WHERE name = %(name)s;

-- name: forget_hours
-- Before the tenant goes; not what another tenant of the same base asked.
DELETE FROM source_hour
WHERE source IN (SELECT fhir_base FROM tenant WHERE name = %(name)s)
    AND source NOT IN (SELECT fhir_base FROM tenant WHERE name <> %(name)s);

-- name: forget_idempotency
DELETE FROM idempotency WHERE tenant = %(name)s;

-- name: forget_events
DELETE FROM event WHERE tenant = %(name)s;

-- name: put_registration
INSERT INTO registration (
    tenant, pathway, persona, client_id, method, scope_form, key_id, algorithm, redirect_uri, public_key, fhir_base
)
VALUES (
    %(tenant)s, %(pathway)s, %(persona)s, %(client_id)s, %(method)s, %(scope_form)s, %(key_id)s, %(algorithm)s, %(redirect_uri)s,
    %(public_key)s, %(fhir_base)s
)
ON CONFLICT (tenant, pathway, persona) DO UPDATE SET
    client_id = excluded.client_id,
    method = excluded.method,
    scope_form = excluded.scope_form,
    key_id = excluded.key_id,
    algorithm = excluded.algorithm,
    redirect_uri = excluded.redirect_uri,
    public_key = excluded.public_key,
    fhir_base = excluded.fhir_base;

-- name: registration
-- The credential in the same look, so that no reader pairs an old key id with a new key.
SELECT
    registration.client_id, registration.method, registration.scope_form, registration.key_id, registration.algorithm,
    registration.redirect_uri, registration.public_key, registration.fhir_base, vault_secret.sealed
FROM registration
INNER JOIN vault_secret
    ON vault_secret.tenant = registration.tenant
    AND vault_secret.name = %(secret)s::text || registration.client_id
WHERE registration.tenant = %(tenant)s AND registration.pathway = %(pathway)s AND registration.persona = %(persona)s;

-- name: lock_registration
SELECT client_id, method, key_id, algorithm, public_key
FROM registration
WHERE tenant = %(tenant)s AND pathway = %(pathway)s AND persona = %(persona)s
FOR UPDATE;

-- name: previous
SELECT
    previous.client_id, previous.method, previous.key_id, previous.algorithm, previous.public_key, previous.good_until,
    previous.secret, vault_secret.sealed
FROM previous_credential AS previous
INNER JOIN vault_secret ON vault_secret.tenant = previous.tenant AND vault_secret.name = previous.secret
WHERE
    previous.tenant = %(tenant)s
    AND previous.pathway = %(pathway)s
    AND previous.persona = %(persona)s
    AND previous.good_until > %(now)s
ORDER BY previous.id DESC;

-- name: supersede
INSERT INTO previous_credential (
    tenant, pathway, persona, client_id, method, key_id, algorithm, public_key, secret, replaced_at, good_until
)
VALUES (
    %(tenant)s, %(pathway)s, %(persona)s, %(client_id)s, %(method)s, %(key_id)s, %(algorithm)s, %(public_key)s, %(secret)s, %(now)s,
    %(good_until)s
);

-- name: forget_previous
DELETE FROM previous_credential
WHERE tenant = %(tenant)s AND pathway = %(pathway)s AND persona = %(persona)s AND client_id <> ALL (%(keep)s::text[])
RETURNING secret;

-- name: prune_previous
WITH gone AS (
    DELETE FROM previous_credential WHERE good_until <= %(now)s RETURNING tenant, secret
)
DELETE FROM vault_secret USING gone WHERE vault_secret.tenant = gone.tenant AND vault_secret.name = gone.secret;

-- name: public_keys
SELECT public_key FROM registration WHERE public_key IS NOT NULL
UNION
SELECT public_key FROM previous_credential WHERE public_key IS NOT NULL AND good_until > %(now)s
ORDER BY public_key;

-- name: personas
SELECT persona FROM registration WHERE tenant = %(tenant)s AND pathway = %(pathway)s ORDER BY persona;

-- name: pathways
SELECT pathway FROM registration WHERE tenant = %(tenant)s AND persona = %(persona)s;

-- name: orders
SELECT object, pathways FROM pathway_order WHERE tenant = %(tenant)s ORDER BY object;

-- name: put_order
INSERT INTO pathway_order (tenant, object, pathways, set_at) VALUES (%(tenant)s, %(object)s, %(pathways)s::text[], %(now)s)
ON CONFLICT (tenant, object) DO UPDATE SET pathways = excluded.pathways, set_at = excluded.set_at;

-- name: remove_order
DELETE FROM pathway_order WHERE tenant = %(tenant)s AND object = %(object)s;

-- name: remove_registration
DELETE FROM registration WHERE tenant = %(tenant)s AND pathway = %(pathway)s AND persona = %(persona)s;

-- name: service_types
SELECT system, code, display, origin FROM service_type WHERE tenant = %(tenant)s ORDER BY system, code;

-- name: learn_service_types
-- What the operator set stays as it was set.
INSERT INTO service_type (tenant, system, code, display, origin, learned_at)
SELECT %(tenant)s, new.system, new.code, new.display, new.origin, %(now)s
FROM unnest(%(systems)s::text[], %(codes)s::text[], %(displays)s::text[], %(origins)s::text[])
    AS new (system, code, display, origin)
ORDER BY new.system, new.code
ON CONFLICT (tenant, system, code) DO UPDATE SET
    display = coalesce(excluded.display, service_type.display),
    origin = excluded.origin,
    learned_at = excluded.learned_at
WHERE excluded.origin = 'operator' OR (service_type.origin = 'seen' AND service_type.display IS DISTINCT FROM excluded.display);

-- name: remove_service_type
DELETE FROM service_type WHERE tenant = %(tenant)s AND system = %(system)s AND code = %(code)s;
