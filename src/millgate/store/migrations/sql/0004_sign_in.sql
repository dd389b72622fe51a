-- People sign in: where an application's browsers go back to, sign-ins under way, and the tokens of people's sessions.

ALTER TABLE registration ADD COLUMN fhir_base text; -- where this persona's calls go, if not to the tenant's own base

ALTER TABLE client ADD COLUMN return_urls text[] NOT NULL DEFAULT '{}';

-- A sign-in from its begin to its redemption; its id becomes the session's. State and session code are kept as hashes only.
CREATE TABLE sign_in (
    id text PRIMARY KEY,
    client_id text NOT NULL REFERENCES client (id),
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    persona text NOT NULL CHECK (persona IN ('provider', 'patient')),
    state_hash bytea NOT NULL UNIQUE,
    sealed bytea NOT NULL, -- the verifier, the scopes, where the browser goes afterwards
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answered_at timestamptz, -- the browser came back: a state is good once
    code_hash bytea UNIQUE,
    outcome bytea,         -- sealed: what the session will hold
    code_expires_at timestamptz,
    redeemed_at timestamptz
);
CREATE INDEX sign_in_expiry ON sign_in (expires_at);

-- The source's tokens of a person's session. Whoever refreshes holds the row's lock, so that several gateways refresh once.
CREATE TABLE user_grant (
    session_id text PRIMARY KEY,
    tenant text NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    sealed bytea NOT NULL, -- access and refresh token, and the scopes that they hold
    expires_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL
);
