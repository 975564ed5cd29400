"""Ports that stay ours: a process that is killed and started again comes back to the same address."""

import random
import socket

#: Below the range from which the system gives ports to outgoing connections, so that none of those is ever in the way.
_LOWEST, _HIGHEST = 17000, 32000

_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that is given to nobody else in this process."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(_LOWEST, _HIGHEST)
        if port in _given:
            continue
        with socket.socket() as probe:
            # As servers do, or what lingers of an earlier test would be in the way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise AssertionError("no port is free between %d and %d" % (_LOWEST, _HIGHEST))
