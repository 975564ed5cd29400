"""Ports that stay ours: a process that is killed and started again comes back to the same address."""

import random
import socket

#: Below the range from which the system gives ports to outgoing connections, so that none of those is ever in the way.
_LOWEST, _HIGHEST = 17000, 32000
#: So many belong to one process of tests at a time: several run side by side.
_SHARE = 500

_chance = random.SystemRandom()
_given: set[int] = set()
_shares: dict[range, socket.socket] = {}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no test is given but this."""
    while True:
        untried = [port for share in _shares for port in share if port not in _given]
        _chance.shuffle(untried)
        for port in untried:
            _given.add(port)
            if _is_free(port):
                return port
        _take_share()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, or what lingers of an earlier test would be in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _take_share() -> None:
    """Takes a share that no other process has. What says so is a name that ends with the process, however that does."""
    lowest = list(range(_LOWEST, _HIGHEST, _SHARE))
    _chance.shuffle(lowest)
    for first in lowest:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind("\0pymmorpg-tests-ports-from-%d" % first)
        except OSError:
            claim.close()
            continue
        _shares[range(first, first + _SHARE)] = claim
        return
    raise AssertionError("no port is left between %d and %d" % (_LOWEST, _HIGHEST))
