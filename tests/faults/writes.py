"""A witness inside PostgreSQL: a trigger that sees every write of an entity's row, by whom it came, and keeps those that must not be.

Each of our processes says in its connections who it is (`application_name`), so this believes nothing that it says of its incarnation:

* who saves or releases a row owns it;
* who claims one takes it from nobody, from itself or from the dead, and changes nothing of what is in it.
"""

from harness.sql import Sql

#: As the zone servers have it, in milliseconds.
_TTL_MS = 2000

_WITNESS = """
CREATE SCHEMA faults;
CREATE TABLE faults.incarnations (incarnation BIGINT PRIMARY KEY, writer TEXT NOT NULL);
CREATE TABLE faults.zombies (what TEXT NOT NULL);

CREATE FUNCTION faults.note_incarnation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO faults.incarnations VALUES (NEW.incarnation, current_setting('application_name')) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_incarnation AFTER INSERT ON public.zone_servers FOR EACH ROW EXECUTE FUNCTION faults.note_incarnation();
CREATE FUNCTION faults.note_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    writer TEXT := current_setting('application_name');
    old_owner TEXT := (SELECT known.writer FROM faults.incarnations AS known WHERE incarnation = OLD.owner);
    new_owner TEXT := (SELECT known.writer FROM faults.incarnations AS known WHERE incarnation = NEW.owner);
    old_age_ms BIGINT := (SELECT extract(epoch FROM clock_timestamp()) * 1000 - heartbeat_ms FROM public.zone_servers WHERE incarnation = OLD.owner);
    wrong TEXT;
BEGIN
    IF NEW.owner IS NOT NULL AND NEW.own > OLD.own THEN
        IF new_owner IS DISTINCT FROM writer THEN
            wrong := 'claims for another';
        ELSIF OLD.owner IS NOT NULL AND old_owner <> writer AND old_age_ms < {ttl_ms} THEN
            wrong := 'claims from the living';
        ELSIF NEW.state <> OLD.state OR NEW.applied <> OLD.applied THEN
            wrong := 'claims and changes';
        END IF;
    ELSIF old_owner IS DISTINCT FROM writer THEN
        wrong := 'writes what it does not own';
    END IF;
    IF wrong IS NOT NULL THEN
        INSERT INTO faults.zombies (what) VALUES (format('%s %s: %s, owner %s (%s, %s ms old) → %s (%s), own %s → %s, seq %s → %s', writer, wrong, NEW.key,
            OLD.owner, old_owner, old_age_ms, NEW.owner, new_owner, OLD.own, NEW.own, OLD.seq, NEW.seq));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_write AFTER UPDATE ON public.entities FOR EACH ROW EXECUTE FUNCTION faults.note_write();
"""


def install(sql: Sql) -> None:
    """Puts the witness into a database whose tables have been made; before any zone server starts, for it is told their names then."""
    sql.run(_WITNESS.replace("{ttl_ms}", str(_TTL_MS)))


def take_zombies(sql: Sql) -> list[str]:
    """What must not have been written since the last time."""
    return sql.run("DELETE FROM faults.zombies RETURNING what").splitlines()
