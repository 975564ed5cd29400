"""The handle of the relay: ports that lead to others, and whose connections a test can cut."""

import json
import subprocess
import sys
import threading
from pathlib import Path


class Proxies:
    """TCP proxies in a process of their own. It ends with us, for it reads what we say."""

    def __init__(self) -> None:
        relay = Path(__file__).with_name("relay.py")
        self._child = subprocess.Popen([sys.executable, str(relay)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def forward(self, port: int) -> int:
        """A new port that leads to this one."""
        return self._ask(forward=port)["port"]

    def reset(self, port: int, process: int | None = None) -> int:
        """Resets the connections through a proxy, or only those that a process has made, and returns how many."""
        return self._ask(cut=port, **{"from": process, "for": None})["count"]

    def hold(self, port: int, seconds: float, process: int | None = None) -> int:
        """Lets nothing through for so long, of present connections and of those that are tried meanwhile; returns how many were there."""
        return self._ask(cut=port, **{"from": process, "for": seconds})["count"]

    def lead(self, port: int, to: int) -> int:
        """Resets the connections through a proxy, which leads to another port from then on; returns how many there were."""
        return self._ask(lead=port, to=to)["count"]

    def stop(self) -> None:
        self._child.communicate()

    def _ask(self, **order) -> dict:
        assert self._child.stdin and self._child.stdout
        with self._lock:
            self._child.stdin.write(json.dumps(order) + "\n")
            self._child.stdin.flush()
            return json.loads(self._child.stdout.readline())
