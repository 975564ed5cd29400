-- Which zone server holds which region. Whoever takes or gives one raises its epoch.
CREATE TABLE regions (
    region TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    holder BIGINT,                      -- the incarnation of a zone server
    epoch BIGINT NOT NULL
);

ALTER TABLE zone_servers ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0;
ALTER TABLE zone_servers ADD COLUMN map BIGINT NOT NULL DEFAULT 0;     -- the version of the maps that is in force there

-- Raised by each reset of the map: its creatures begin anew.
ALTER TABLE maps ADD COLUMN resets BIGINT NOT NULL DEFAULT 0;

-- The holders of regions look each second for rows of theirs that nobody owns.
CREATE INDEX entities_region ON entities (region, owner) WHERE present = 1 AND gone_ms IS NULL;
