"""A whole cluster as real processes: PostgreSQL, Redis, auth, gateways and zone servers, on one world, in a folder of its own."""

import os
import re
import signal
from pathlib import Path

from .databases import Postgres, Redis
from .ports import free_port
from .process import Program
from .proxies import Proxies
from .raw import DEADLINE, Raw, until
from .server import BINARY, run_command

_BINARIES = Path(BINARY).parent


class Gateway(Program):
    """Keeps its port, so that clients come back to it."""

    def __init__(self, cluster: "Cluster", number: int):
        self.number = number
        self.port = free_port()
        super().__init__(*cluster.program("gateway", "gateway-%d" % number, self.port, "--auth", cluster.auth_url))

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)


class Zone(Program):
    """A zone server. It keeps its address, and so its share of the regions."""

    def __init__(self, cluster: "Cluster", number: int):
        self.number = number
        self.port = free_port()
        #: Where others reach it.
        self.advertised_port = cluster.reach(self.port)
        super().__init__(*cluster.program("zone-server", "zone-%d" % number, self.port, "--advertise", self.url))

    @property
    def url(self) -> str:
        """Its address, as `zone_servers` has it."""
        return "http://127.0.0.1:%d" % self.advertised_port


class Cluster:
    """Starts everything; gives, kills and adds processes; and looks through their logs in the end.

    With `is_proxied`, whatever one process says to another goes through a proxy, and can be cut.
    """

    def __init__(self, folder: Path, world: Path, gateway_count: int = 2, zone_count: int = 3, is_proxied: bool = False):
        self.folder = folder
        self.world = world
        (folder / "logs").mkdir(parents=True)
        self.proxies = Proxies() if is_proxied else None
        self.postgres, self.redis = Postgres(folder), Redis(folder)
        self.sql = self.postgres.sql
        self.sql_port = self.reach(self.postgres.port)
        auth_port = free_port()
        self.auth_url = "http://127.0.0.1:%d" % self.reach(auth_port)
        self.auth = Program(*self.program("auth", "auth", auth_port))
        self.gateways = [Gateway(self, number) for number in range(gateway_count)]
        self.zones = [Zone(self, number) for number in range(zone_count)]
        self._zone_count = zone_count
        self._expected: list[re.Pattern[str]] = []

    # -- its parts

    def reach(self, port: int) -> int:
        """The port by which others are to reach this one."""
        return self.proxies.forward(port) if self.proxies else port

    def program(self, binary: str, name: str, port: int, *arguments: str) -> tuple[str, Path, list[str], dict[str, str]]:
        """Name, log, command and environment of one of our processes. PostgreSQL knows its connections by its name."""
        command = [str(_BINARIES / binary), "--json", "--listen", "127.0.0.1:%d" % port, "--admin-listen", "127.0.0.1:0"]
        command += ["--sql", "%s?application_name=%s" % (self.postgres.url(self.sql_port), name), "--redis", self.redis.url()]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYMMORPG_", "OTEL_"))}
        return name, self.folder / "logs" / (name + ".log"), [*command, *arguments], environment

    @property
    def programs(self) -> list[Program]:
        """All that are ours."""
        return [self.auth, *self.zones, *self.gateways]

    def start(self) -> None:
        """Starts all there is, and waits until the world can be played in."""
        self.start_databases()
        self.start_programs()

    def start_databases(self) -> None:
        """Starts PostgreSQL and Redis, and publishes the world."""
        self.postgres.create()
        self.postgres.start()
        self.redis.start()
        self.command("world", "publish", str(self.world))

    def start_programs(self) -> None:
        """Starts what is ours, and waits until the world can be played in."""
        for program in self.programs:
            program.start_without_waiting()
        for program in self.programs:
            program.wait_until_ready()
        self.wait_until_settled()

    def stop(self) -> None:
        """Asks everything to end, in order, and asserts that it ends well."""
        for program in [*self.gateways, *self.zones, self.auth]:
            program.stop()
        self.kill()

    def kill(self) -> None:
        """Ends everything at once."""
        for program in self.programs:
            program.kill()
        self.redis.kill()
        self.postgres.halt(is_immediate=True)
        if self.proxies:
            self.proxies.stop()
            self.proxies = None

    def add_zone(self) -> Zone:
        """One zone server more, started and ready."""
        zone = Zone(self, self._zone_count)
        self._zone_count += 1
        zone.start()
        self.zones.append(zone)
        return zone

    def remove_zone(self, zone: Zone, number: signal.Signals = signal.SIGTERM) -> None:
        """One zone server less; it hands over what it has."""
        zone.stop(number)
        self.zones.remove(zone)

    # -- who has what

    def incarnation(self, zone: Zone) -> int:
        """Of a zone server that runs."""
        return self.sql.zone_servers()[zone.url]

    def zone_of(self, region: str) -> Zone:
        """The zone server that holds a region."""
        holder = self.sql.holders()[region]
        return next(zone for zone in self.zones if zone.is_running() and self.sql.zone_servers().get(zone.url) == holder)

    def shares(self) -> dict[str, int]:
        """How many regions each zone server holds, by its name; of regions whose holder does not run, by ''."""
        servers = self.sql.zone_servers()
        names = {servers[zone.url]: zone.name for zone in self.zones if zone.is_running() and zone.url in servers}
        shares = {zone.name: 0 for zone in self.zones if zone.is_running()}
        for holder in self.sql.holders().values():
            name = names.get(holder, "") if holder is not None else ""
            shares[name] = shares.get(name, 0) + 1
        return shares

    def wait_until_shared(self, deadline: float = DEADLINE) -> None:
        """Waits until every region is held by a zone server that runs, each of which has some."""
        until(self._is_shared, "every zone server has some of the regions, and all are held", deadline, pause=0.1)

    def _is_shared(self) -> bool:
        shares = self.shares()
        return "" not in shares and bool(shares) and all(shares.values())

    def wait_until_settled(self, deadline: float = DEADLINE) -> dict[str, int]:
        """The same, and that none has moved for half a second."""
        last: list[dict[str, int | None]] = [{}]

        def is_settled() -> bool:
            holders, before = self.sql.holders(), last[0]
            last[0] = holders
            return holders == before and self._is_shared()

        until(is_settled, "every zone server has its share of the regions", deadline, pause=0.5)
        return self.shares()

    # -- talking to it

    def connect(self, gateway: int = 0, **options) -> Raw:
        """A raw connection by one of the gateways."""
        return Raw(self.gateways[gateway].address, **options)

    def play(self, name: str, password: str = "secret", gateway: int = 0, **options) -> Raw:
        """A raw connection on which a character is logged in, made if it did not exist."""
        connection = self.connect(gateway, **options)
        assert connection.ask("new", name, password) or connection.ask("login", name, password), name
        connection.name, connection.password = name, password
        return connection

    def command(self, *arguments: str, code: int = 0) -> str:
        """Runs a `pymmorpg` command on the cluster's database and returns what it printed."""
        return run_command(*arguments, "--sql", self.postgres.url(), "--redis", self.redis.url(), code=code)

    def grant(self, name: str) -> None:
        """Makes a character a game master; it takes up to a second to be noticed."""
        self.command("account", "grant", name, "gm")

    # -- logs

    def expect_log(self, pattern: str) -> None:
        """Allows warnings that match: those that the test itself provokes."""
        self._expected.append(re.compile(pattern))

    def check_log(self) -> None:
        """Fails on a warning or an error that no test expected."""
        trouble = [(program.name, line) for program in self.programs for line in program.trouble()]
        trouble = [(name, line) for name, line in trouble if not any(pattern.search(line) for pattern in self._expected)]
        assert not trouble, "unexpected in the logs:\n" + "\n".join("%s: %s" % pair for pair in trouble[:20])

    def log_text(self) -> str:
        """The ends of all our logs, each behind its name."""
        return "".join("-- %s\n%s" % (program, program.log_end()) for program in self.programs)
