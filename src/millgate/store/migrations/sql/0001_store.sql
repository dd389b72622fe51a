-- Nothing here shows a patient: bodies and details are sealed, what is searched is a keyed hash.

-- Keys -----------------------------------------------------------------------------------------------------------------

-- One row: which master key wraps the data keys, and a value that proves it.
CREATE TABLE vault_master (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    proof bytea NOT NULL,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz
);

-- Data keys, wrapped; tenant '' is the gateway itself.
CREATE TABLE vault_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'retired')),
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX vault_key_active ON vault_key (tenant) WHERE state = 'active';
CREATE INDEX vault_key_tenant ON vault_key (tenant);

CREATE TABLE vault_secret (
    tenant text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- Tenants --------------------------------------------------------------------------------------------------------------

CREATE TABLE tenant (
    name text PRIMARY KEY,
    fhir_base text NOT NULL,
    time_zone text,
    created_at timestamptz NOT NULL
);

CREATE TABLE registration (
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    persona text NOT NULL CHECK (persona IN ('system', 'provider', 'patient')),
    client_id text NOT NULL,
    method text NOT NULL CHECK (method IN ('client_secret_basic', 'private_key_jwt')),
    scope_form text NOT NULL CHECK (scope_form IN ('v1', 'v2')),
    key_id text,
    algorithm text,
    PRIMARY KEY (tenant, persona)
);

CREATE TABLE service_type (
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    system text NOT NULL,
    code text NOT NULL,
    display text,
    origin text NOT NULL CHECK (origin IN ('operator', 'seen')),
    learned_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, system, code)
);

-- Clients, sessions ----------------------------------------------------------------------------------------------------

CREATE TABLE client (
    id text PRIMARY KEY,
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    tenants text[] NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE session (
    id text PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    client_id text NOT NULL REFERENCES client (id),
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    persona text NOT NULL CHECK (persona IN ('system', 'provider', 'patient')),
    sealed bytea NOT NULL, -- scopes, denied scopes, patient and encounter in context
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX session_expiry ON session (expires_at);
CREATE INDEX session_client ON session (client_id);

-- Records --------------------------------------------------------------------------------------------------------------

CREATE TABLE record (
    key bytea PRIMARY KEY, -- keyed hash of pathway, type and source id
    tenant text NOT NULL,
    pathway text NOT NULL,
    resource_type text NOT NULL,
    version integer NOT NULL,
    content_hash bytea NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL, -- when this content was received
    seen_at timestamptz NOT NULL      -- when the source last showed it, exact to an hour
);
CREATE INDEX record_tenant ON record (tenant, resource_type);
ALTER TABLE record ALTER COLUMN body SET STORAGE EXTERNAL; -- already compressed, and encrypted

CREATE TABLE record_history (
    record_key bytea NOT NULL,
    version integer NOT NULL,
    tenant text NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL,
    replaced_at timestamptz NOT NULL,
    PRIMARY KEY (record_key, version)
);
CREATE INDEX record_history_replaced ON record_history (replaced_at);
CREATE INDEX record_history_tenant ON record_history (tenant);
ALTER TABLE record_history ALTER COLUMN body SET STORAGE EXTERNAL;

-- The blind index: identifiers, names, birth dates, phones, e-mails, and the patients that a record belongs to.
CREATE TABLE record_term (
    hash bytea NOT NULL, -- keyed hash of kind and value under the tenant's key
    record_key bytea NOT NULL,
    tenant text NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (hash, record_key)
);
CREATE INDEX record_term_record ON record_term (record_key);
CREATE INDEX record_term_tenant ON record_term (tenant);

-- The change feed. `transaction` lets a reader stop before changes that are not committed yet: sequence numbers are handed out
-- in another order than transactions commit.
CREATE TABLE record_change (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    tenant text NOT NULL,
    resource_type text NOT NULL,
    record_key bytea NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'updated')),
    at timestamptz NOT NULL
);
CREATE INDEX record_change_tenant ON record_change (tenant, seq);

-- Audit ----------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    seq bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    request_id text NOT NULL,
    client_id text,
    session_id text,
    tenant text,
    persona text,
    action text NOT NULL,
    object text,
    purpose text,
    status integer NOT NULL,
    code text,
    freshness text,
    patients bytea[] NOT NULL, -- keyed hashes
    sealed bytea NOT NULL,     -- user, targets, patients, calls to the source
    hash bytea NOT NULL        -- of the row before, and of every column above
);
CREATE INDEX audit_patients ON audit USING gin (patients);
CREATE INDEX audit_at ON audit USING brin (at);
CREATE INDEX audit_request ON audit USING hash (request_id);

-- One row: the end of the chain, so that cutting rows off shows.
CREATE TABLE audit_head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    mac bytea NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END;
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Idempotency ----------------------------------------------------------------------------------------------------------

CREATE TABLE idempotency (
    key bytea PRIMARY KEY, -- keyed hash of client, tenant and the caller's key
    tenant text NOT NULL,
    body_hash bytea NOT NULL,
    holder text NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answer bytea -- sealed: status, headers, body; NULL while in progress
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
