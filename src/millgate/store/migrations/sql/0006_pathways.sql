-- Another way to the same hospital beside FHIR R4: a registration of its own, and which pathway is asked first for which object.

ALTER TABLE previous_credential DROP CONSTRAINT previous_credential_tenant_persona_fkey;
DROP INDEX previous_credential_registration;

ALTER TABLE registration ADD COLUMN pathway text NOT NULL DEFAULT 'fhir-r4' CHECK (pathway IN ('fhir-r4', 'fhir-dstu2'));
ALTER TABLE registration DROP CONSTRAINT registration_pkey;
ALTER TABLE registration ADD PRIMARY KEY (tenant, pathway, persona);

ALTER TABLE previous_credential ADD COLUMN pathway text NOT NULL DEFAULT 'fhir-r4';
ALTER TABLE previous_credential ADD FOREIGN KEY (tenant, pathway, persona)
REFERENCES registration (tenant, pathway, persona) ON DELETE CASCADE;
CREATE INDEX previous_credential_registration ON previous_credential (tenant, pathway, persona, good_until);

-- Where there is no row, the pathways' own order holds: FHIR R4 first.
CREATE TABLE pathway_order (
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    object text NOT NULL,
    pathways text [] NOT NULL,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, object)
);
