-- name: lock_tenant
SELECT FROM tenant WHERE name = %(tenant)s FOR UPDATE;

-- name: last
SELECT id, digest, documents, taken_at, confirmed_at
FROM tenant_snapshot
WHERE tenant = %(tenant)s AND fhir_base = %(fhir_base)s
ORDER BY id DESC
LIMIT 1;

-- name: confirm
UPDATE tenant_snapshot SET confirmed_at = greatest(confirmed_at, %(now)s) WHERE id = %(id)s;

-- name: keep
INSERT INTO tenant_snapshot (tenant, fhir_base, digest, documents, changes, taken_at, confirmed_at)
VALUES (%(tenant)s, %(fhir_base)s, %(digest)s, %(documents)s, %(changes)s, %(now)s, %(now)s);

-- name: changes
SELECT taken_at, confirmed_at, fhir_base, changes
FROM tenant_snapshot
WHERE tenant = %(tenant)s AND taken_at >= %(since)s
ORDER BY id;

-- name: due
-- Tenants that were not looked at since, the longest unseen first.
SELECT tenant.name
FROM tenant
LEFT JOIN tenant_snapshot AS seen ON seen.tenant = tenant.name AND seen.fhir_base = tenant.fhir_base
GROUP BY tenant.name
HAVING coalesce(max(seen.confirmed_at), '-infinity') < %(before)s
ORDER BY coalesce(max(seen.confirmed_at), '-infinity');
