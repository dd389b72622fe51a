-- name: tenants_at
SELECT name FROM tenant WHERE fhir_base = %(fhir_base)s
UNION
SELECT tenant FROM registration WHERE fhir_base = %(fhir_base)s
ORDER BY 1;
