-- name: insert
INSERT INTO tenant (name, fhir_base, time_zone, created_at)
VALUES (%(name)s, %(fhir_base)s, %(time_zone)s, %(created_at)s)
ON CONFLICT DO NOTHING;

-- name: update
UPDATE tenant SET fhir_base = %(fhir_base)s, time_zone = %(time_zone)s WHERE name = %(name)s;

-- name: get
SELECT name, fhir_base, time_zone, created_at FROM tenant WHERE name = %(name)s;

-- name: list
SELECT name, fhir_base, time_zone, created_at FROM tenant ORDER BY name;

-- name: remove
DELETE FROM tenant WHERE name = %(name)s;

-- name: forget_idempotency
DELETE FROM idempotency WHERE tenant = %(name)s;

-- name: put_registration
INSERT INTO registration (tenant, persona, client_id, method, scope_form, key_id, algorithm)
VALUES (%(tenant)s, %(persona)s, %(client_id)s, %(method)s, %(scope_form)s, %(key_id)s, %(algorithm)s)
ON CONFLICT (tenant, persona) DO UPDATE SET
    client_id = excluded.client_id,
    method = excluded.method,
    scope_form = excluded.scope_form,
    key_id = excluded.key_id,
    algorithm = excluded.algorithm;

-- name: registration
SELECT client_id, method, scope_form, key_id, algorithm
FROM registration
WHERE tenant = %(tenant)s AND persona = %(persona)s;

-- name: personas
SELECT persona FROM registration WHERE tenant = %(tenant)s ORDER BY persona;

-- name: remove_registration
DELETE FROM registration WHERE tenant = %(tenant)s AND persona = %(persona)s;

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
