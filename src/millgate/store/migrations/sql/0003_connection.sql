-- Tenants over time: what their servers said of themselves, which credentials came before, what happened. No patient data anywhere here.

-- Whether the operator allowed this tenant's addresses to be private ones, or plain http beyond the loopback interface.
ALTER TABLE tenant ADD COLUMN private_address boolean NOT NULL DEFAULT false;

ALTER TABLE registration
    ADD COLUMN redirect_uri text, -- as registered, for a persona whose users sign in
    ADD COLUMN public_key text;   -- the public half of a private key, as a JWK; published in the gateway's key set

-- Credentials that were replaced, until their overlap ends; the secret half lies in the vault under `secret`.
CREATE TABLE previous_credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    persona text NOT NULL,
    client_id text NOT NULL,
    method text NOT NULL CHECK (method IN ('client_secret_basic', 'private_key_jwt')),
    key_id text,
    algorithm text,
    public_key text,
    secret text NOT NULL,
    replaced_at timestamptz NOT NULL,
    good_until timestamptz NOT NULL,
    FOREIGN KEY (tenant, persona) REFERENCES registration (tenant, persona) ON DELETE CASCADE
);
CREATE INDEX previous_credential_registration ON previous_credential (tenant, persona, good_until);

-- What a tenant's server said of itself: one row for each state it was found in, with the raw documents of the first time.
CREATE TABLE tenant_snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    fhir_base text NOT NULL,
    digest bytea NOT NULL,      -- SHA-256 of the documents without what changes on every call
    documents bytea NOT NULL,   -- zstd of JSON: each document's text under its name
    changes jsonb NOT NULL,     -- against the snapshot before
    taken_at timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL -- when the server was last found in this state
);
CREATE INDEX tenant_snapshot_tenant ON tenant_snapshot (tenant, id);

-- What happened, for whoever wants to be told. `transaction` as in record_change: a reader stops before what is not committed yet.
CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id text NOT NULL UNIQUE,
    type text NOT NULL,
    tenant text,
    at timestamptz NOT NULL,
    data jsonb NOT NULL
);
CREATE INDEX event_tenant ON event (tenant, seq);
