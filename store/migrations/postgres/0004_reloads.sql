-- Raised by each reload of the map: its creatures are at home again, whichever zone server has them.
ALTER TABLE maps ADD COLUMN reloads BIGINT NOT NULL DEFAULT 0;
