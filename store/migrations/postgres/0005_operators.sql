-- From here on each migration says, in a row of its own, which programs can work with the schema as it leaves it: those that know the schema
-- `compatible_from`, or a later one.
CREATE TABLE schema_versions (
    version BIGINT PRIMARY KEY NOT NULL,
    compatible_from BIGINT NOT NULL
);
INSERT INTO schema_versions (version, compatible_from) VALUES (5, 4);

-- Every service that runs, as it says of itself every few seconds.
CREATE TABLE processes (
    id BIGINT PRIMARY KEY NOT NULL,     -- of this run; a zone server's is its incarnation
    kind TEXT NOT NULL,
    version TEXT NOT NULL,              -- of the program
    host TEXT,
    address TEXT NOT NULL,
    admin TEXT,                         -- where operators look
    started_ms BIGINT NOT NULL,
    heartbeat_ms BIGINT NOT NULL,
    content BIGINT,                     -- the content version that it serves
    players BIGINT,                     -- of a gateway: sessions
    creatures BIGINT                    -- of a zone server: whom the content puts into its regions
);

ALTER TABLE zone_servers ADD COLUMN drain_requested_ms BIGINT;          -- an operator wants it to hand its regions over and stop
