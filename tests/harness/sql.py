"""Questions to PostgreSQL, asked by psql: what the processes under test say of the rows is not what is believed."""

import json
import pickle
import subprocess
from dataclasses import dataclass

from .raw import DEADLINE


class Sql:
    """A database, by its URL."""

    def __init__(self, url: str):
        self._url = url

    def run(self, statement: str) -> str:
        """Runs statements and returns what psql printed."""
        command = ["psql", self._url, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(command, input=statement, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, text=True)
        assert done.returncode == 0, "%s\n%s" % (statement, done.stderr)
        return done.stdout

    def rows(self, query: str) -> list[dict]:
        """The rows of a query."""
        return json.loads(self.run("SELECT coalesce(json_agg(found), '[]') FROM (%s) AS found" % query))

    def column(self, query: str) -> list:
        """The rows of a query for one column."""
        return [value for row in self.rows(query) for value in row.values()]

    # -- what everybody asks

    def zone_servers(self) -> dict[str, int]:
        """The newest incarnation at each address."""
        rows = self.rows("SELECT address, incarnation FROM zone_servers ORDER BY heartbeat_ms")
        return {row["address"]: row["incarnation"] for row in rows}

    def holders(self) -> dict[str, int | None]:
        """Who holds each region."""
        return {row["region"]: row["holder"] for row in self.rows("SELECT region, holder FROM regions")}

    def entities(self) -> dict[str, "Row"]:
        """Every row there is, by its name in lower case."""
        query = "SELECT key, name, region, present, owner, own, seq, generation, gone_ms, encode(state, 'hex') AS state FROM entities"
        return {row["key"]: Row.read(row) for row in self.rows(query)}


@dataclass(frozen=True)
class Row:
    """An entity as it stands in SQL."""

    name: str
    region: str
    is_present: bool
    owner: int | None
    own: int
    seq: int
    generation: int
    is_gone: bool
    position: tuple[float, float, int]
    attributes: dict[str, object]

    @classmethod
    def read(cls, row: dict) -> "Row":
        state = pickle.loads(bytes.fromhex(row["state"]))
        return cls(
            name=row["name"],
            region=row["region"],
            is_present=bool(row["present"]),
            owner=row["owner"],
            own=row["own"],
            seq=row["seq"],
            generation=row["generation"],
            is_gone=row["gone_ms"] is not None,
            position=state["pos"],
            attributes=state["attributes"],
        )
