"""A stack as the fault harness knows clusters: where bots connect, who has what, and what was said."""

from harness.raw import until
from harness.sql import Sql

from .stack import Container, Stack

#: Longest wait for the regions to come to rest, in seconds.
SETTLED_SECONDS_MAX = 60.0

#: psql in the container of the database, as the owner of what is in it.
_PSQL = "PGPASSWORD=$(cat /run/secrets/postgres_password) exec psql -h 127.0.0.1 -U pymmorpg -d pymmorpg -X -q -A -t -v ON_ERROR_STOP=1"


class _ContainerSql(Sql):
    """Asks by way of the database's own container: its port is not published."""

    def __init__(self, stack: Stack):
        super().__init__("")
        self._stack = stack

    def run(self, statement: str) -> str:
        return self._stack.container("postgres").execute("sh", "-c", _PSQL, given=statement)


class Door:
    """The published port, behind which all gateways are."""

    def __init__(self, address: tuple[str, int]):
        self.address = address
        self.name = "haproxy"

    def __str__(self) -> str:
        return self.name

    def is_running(self) -> bool:
        return True


class ComposeCluster:
    """What `faults.game` needs of a cluster."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.sql = _ContainerSql(stack)
        self.door = Door(stack.address)
        self.gateways = [self.door]
        #: The zone servers that ran when it was last looked.
        self.zones: list[Container] = []

    @property
    def programs(self) -> list[Stack]:
        """All logs are one."""
        return [self.stack]

    def look(self) -> None:
        """Looks which zone servers there are."""
        self.zones = self.stack.containers("zone-server")

    def shares(self) -> dict[str, int]:
        """How many regions each zone server holds that runs, by its name; of regions whose holder does not run, by ''."""
        self.look()
        servers = self.sql.zone_servers()
        names = {servers[zone.url]: zone.name for zone in self.zones if zone.url in servers}
        shares = {zone.name: 0 for zone in self.zones}
        for holder in self.sql.holders().values():
            name = names.get(holder, "") if holder is not None else ""
            shares[name] = shares.get(name, 0) + 1
        return shares

    def wait_until_shared(self, count: int) -> None:
        """Waits until so many zone servers run, have some of the regions each, and all are held by one of them."""
        last: list[dict[str, int]] = [{}]

        def is_shared() -> bool:
            last[0] = self.shares()
            return len(last[0]) == count and "" not in last[0] and all(last[0].values())

        try:
            until(is_shared, "%d zone servers have all regions among them" % count, SETTLED_SECONDS_MAX, pause=0.25)
        except AssertionError as error:
            raise AssertionError("%s; they have %r" % (error, last[0])) from None
