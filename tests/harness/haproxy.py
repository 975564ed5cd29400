"""A HAProxy of our own, which tells by the PROXY protocol, version 2, whom it brings."""

import shutil
import socket
from pathlib import Path

from .ports import free_port
from .process import Process
from .raw import until

_SETTINGS = """
global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen clients
    bind 127.0.0.1:{port}
    server gateway {host}:{server_port} source {source} send-proxy-v2 check check-send-proxy inter 100ms
"""


class Haproxy(Process):
    """It looks every 100 ms whether the server behind it is there, and connects to it from an address of its own."""

    def __init__(self, folder: Path, server: tuple[str, int], source: str):
        self.address = ("127.0.0.1", free_port())
        file = folder / "haproxy.cfg"
        file.write_text(_SETTINGS.format(port=self.address[1], host=server[0], server_port=server[1], source=source))
        super().__init__("haproxy", folder / "haproxy.log", ["haproxy", "-db", "-f", str(file)])

    def wait_until_ready(self) -> None:
        until(self._is_ready, "HAProxy takes connections")

    def _is_ready(self) -> bool:
        assert self.is_running(), "HAProxy ended:\n" + self.log_end()
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0


def missing() -> str | None:
    """What is not installed that this needs, if anything."""
    return None if shutil.which("haproxy") else "haproxy is not installed"
