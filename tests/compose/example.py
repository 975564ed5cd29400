"""The first minutes of somebody who has just typed `docker compose up`: the example world can be played in, and nothing is open that need not be."""

import json
import re
import time

from harness.raw import Closed, Raw, until

from .stack import Stack

#: From the command to the first step of a character, with images built, in seconds.
PLAYABLE_SECONDS_MAX = 20.0


def play(stack: Stack) -> str:
    """`up` with nothing set; then somebody comes by the published port. Says how long that took."""
    begin = time.monotonic()
    stack.up()
    is_up = time.monotonic()
    player = until(lambda: _enter(stack, "new"), "somebody can play", PLAYABLE_SECONDS_MAX)
    seconds = time.monotonic() - begin
    with player:
        assert player.ask("move", (1, 0, 0)) is True
        names = {entity["name"] for entity in player.ask("update")}
        assert "Anna" in names and len(names) > 1, "Anna sees only %r" % names
        assert isinstance(player.ask("get", "map:meadow", "tmx"), bytes)
    return "playable after %.1f s, of which `up` took %.1f" % (seconds, is_up - begin)


def _enter(stack: Stack, how: str) -> Raw | None:
    """Anna comes by the published port, for the first time or again; None while there is nobody behind it."""
    try:
        player = Raw(stack.address)
    except OSError:
        return None
    try:
        # An answer that was lost may have been True.
        is_granted = player.ask(how, "Anna", "secret") or player.ask("login", "Anna", "secret")
    except (Closed, OSError):
        player.close()
        return None
    assert is_granted is True, "Anna's %r is refused" % how
    return player


def look_at_confinement(stack: Stack) -> str:
    """Every container that runs: what it may do, what it may use, and where it can be reached."""
    config = json.loads(stack.compose("--profile", "observe", "config", "--format", "json"))
    published = {}
    for service in sorted(config["services"]):
        for container in stack.containers(service):
            found = container.inspect()
            host = found["HostConfig"]
            assert host["ReadonlyRootfs"], "%s can write to its root folder" % container
            assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"], "%s has capabilities" % container
            assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), "%s can become more" % container
            assert found["Config"]["User"] not in ("", "0", "root"), "%s is root's" % container
            assert host["Memory"] and host["NanoCpus"] and host["PidsLimit"], "%s has no limits" % container
            assert host["RestartPolicy"]["Name"] == "unless-stopped", "%s stays down" % container
            assert host["LogConfig"]["Config"].get("max-size"), "the log of %s has no end" % container
            for variable in found["Config"]["Env"] or []:
                assert "://" not in variable or "@" not in variable, "%s has a password in its environment" % container
            ports = {port: bound for port, bound in found["NetworkSettings"]["Ports"].items() if bound}
            if ports:
                published[service] = sorted(ports)
    assert published == {"haproxy": ["7777/tcp"]}, "published: %r" % published
    return "one published port"


def come_back(stack: Stack) -> str:
    """`down` and `up`: whoever has played before is there."""
    stack.compose("down", "--timeout", "20")
    begin = time.monotonic()
    stack.up()
    until(lambda: _enter(stack, "login"), "somebody can play again", PLAYABLE_SECONDS_MAX).close()
    return "playable again after %.1f s" % (time.monotonic() - begin)


def bring_back(stack: Stack) -> str:
    """A backup as deploy/README.md has it; everything is removed, passwords and all; and whoever has played is there again."""
    password, login = "PGPASSWORD=$(cat /run/secrets/postgres_password)", "-h 127.0.0.1 -U pymmorpg"
    dump = stack.container("postgres").execute("sh", "-c", "%s pg_dump %s -Fc pymmorpg | base64" % (password, login))
    stack.down()
    stack.up()
    stack.compose("stop", "gateway", "zone-server", "auth")
    restore = "base64 -d | %s pg_restore %s -d pymmorpg --clean --if-exists --single-transaction" % (password, login)
    stack.container("postgres").execute("sh", "-c", restore, given=dump)
    begin = time.monotonic()
    stack.up()
    until(lambda: _enter(stack, "login"), "somebody can play again", PLAYABLE_SECONDS_MAX).close()
    return "%d KB, playable %.1f s after it was brought back" % (len(dump) * 3 // 4096, time.monotonic() - begin)


def command(stack: Stack) -> str:
    """Commands are given in the containers that run: they have the program, and the way to the database."""
    auth = stack.container("auth")
    auth.execute("pymmorpg", "account", "grant", "Anna", "gm")
    accounts = json.loads(auth.execute("pymmorpg", "account", "list", "--json"))
    assert [account for account in accounts if account["name"] == "Anna" and account["role"] == "gm"], accounts
    return "Anna is a game master"


def status(stack: Stack, allowed: str = "$^") -> str:
    """The cluster itself sees all that there are, and nothing amiss but what is allowed."""
    counts = {name: len(stack.containers(name.rstrip("s").replace("_", "-"))) for name in ("zone_servers", "gateways", "auth")}

    found: dict = {}

    def is_well() -> bool:
        found.update(json.loads(stack.container("auth").execute("pymmorpg", "cluster", "status", "--json")))
        findings = [text for text in found["findings"] if not re.search(allowed, text)]
        return not findings and counts == {name: sum(one["state"] == "live" for one in found[name]) for name in counts}

    try:
        until(is_well, "`cluster status` shows %r" % counts, PLAYABLE_SECONDS_MAX, pause=0.5)
    except AssertionError as error:
        raise AssertionError("%s, and nothing amiss:\n%s" % (error, json.dumps(found, indent=1))) from None
    return "%d of %d regions are held by %d zone servers" % (found["regions"]["held"], found["regions"]["total"], counts["zone_servers"])
