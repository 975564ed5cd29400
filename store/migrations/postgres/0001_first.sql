-- Everything that lasts. Names that are looked up are kept in lower case beside the form in which they are shown.
-- They are compared by their bytes, as SQLite does, whatever the language of the database.
-- Times are milliseconds since 1970; truth values are 0 or 1.

-- A row for every character and every placed entity: the one unique index of names in the world.
CREATE TABLE entities (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    player BIGINT NOT NULL,
    region TEXT NOT NULL,
    present BIGINT NOT NULL,
    owner BIGINT,                       -- the incarnation of the zone server that may write this row
    own BIGINT NOT NULL,                -- raised by each claim and each release
    seq BIGINT NOT NULL,                -- raised by each save
    generation BIGINT NOT NULL,         -- of the session that speaks for it
    moved_generation BIGINT NOT NULL,   -- the id of the last move in `state`
    moved_counter BIGINT NOT NULL,
    applied BYTEA NOT NULL,             -- a pickle: world::applied
    state BYTEA NOT NULL,               -- a pickle: world::state_pickle
    gone_ms BIGINT                      -- a tombstone: despawned then
);
CREATE INDEX entities_present ON entities (present, owner);

CREATE TABLE accounts (
    key TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES entities (key),
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    generation BIGINT NOT NULL,
    map_told BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- What game masters did. An edit's effect and its row here are one transaction, so its id makes it happen once.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    author TEXT NOT NULL,
    generation BIGINT NOT NULL,
    counter BIGINT NOT NULL,
    command TEXT NOT NULL,
    UNIQUE (author, generation, counter)
);

-- The last edit of each tile, in the order of the audit.
CREATE TABLE map_edits (
    map TEXT NOT NULL,
    layer TEXT NOT NULL,
    x BIGINT NOT NULL,
    y BIGINT NOT NULL,
    gid BIGINT NOT NULL,
    audit BIGINT NOT NULL,
    PRIMARY KEY (map, layer, x, y)
);

-- Every map that was ever published, and the place that is its own for ever.
CREATE TABLE maps (
    name TEXT PRIMARY KEY NOT NULL,
    level BIGINT NOT NULL,
    x BIGINT NOT NULL,
    y BIGINT NOT NULL,
    version BIGINT NOT NULL,
    fingerprint TEXT                    -- of what it was published from; null when it is not in the current content
);

-- Announced numbers: 'content', 'map', 'client'.
CREATE TABLE versions (
    topic TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);
INSERT INTO versions (topic, value) VALUES ('content', 0), ('map', 0), ('client', 0);

CREATE TABLE content_versions (
    version BIGINT PRIMARY KEY NOT NULL,
    at_ms BIGINT NOT NULL,
    world TEXT NOT NULL,
    client_version TEXT NOT NULL,
    file_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    start_region TEXT NOT NULL,
    start_state BYTEA NOT NULL          -- a pickle: what a new character begins as
);
CREATE TABLE content_maps (
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (version, name)
);
CREATE TABLE content_files (
    version BIGINT NOT NULL,
    path TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (version, path)
);
CREATE TABLE content_chunks (
    hash TEXT NOT NULL,
    part BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (hash, part)
);

CREATE TABLE zone_servers (
    incarnation BIGINT PRIMARY KEY NOT NULL,
    address TEXT NOT NULL,
    heartbeat_ms BIGINT NOT NULL
);
