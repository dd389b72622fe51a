-- What may be asked of a tenant's source, and what was asked of it. No patient data anywhere here.

-- The operator's word; what is null is not bounded.
CREATE TABLE ceiling (
    tenant text PRIMARY KEY REFERENCES tenant (name) ON DELETE CASCADE,
    rate_per_s double precision CHECK (rate_per_s > 0),
    at_once integer CHECK (at_once > 0),
    night_start time,
    night_end time,
    time_zone text, -- whose clock the night goes by
    set_at timestamptz NOT NULL,
    CHECK (num_nonnulls(night_start, night_end, time_zone) IN (0, 3))
);

-- What one process (a gateway, a worker, a command) asked of a FHIR base in one hour. By the base and not by the tenant: two tenants
-- of one base are one source to the hospital.
CREATE TABLE source_hour (
    source text NOT NULL,
    begins_at timestamptz NOT NULL,
    process uuid NOT NULL,
    calls bigint NOT NULL,
    throttled bigint NOT NULL, -- of these, refused with 429
    most_at_once integer NOT NULL,
    most_per_s integer NOT NULL,
    endpoints jsonb NOT NULL,  -- calls by class of endpoint
    alive_at timestamptz,      -- when the process last said so, by the database's clock; null once it has left
    PRIMARY KEY (source, begins_at, process)
);
CREATE INDEX source_hour_begins ON source_hour (begins_at);
CREATE INDEX source_hour_alive ON source_hour (alive_at) WHERE alive_at IS NOT NULL;
