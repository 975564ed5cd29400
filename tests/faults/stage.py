"""A cluster on a plain, for as long as a program needs it."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from harness import databases
from harness.cluster import Cluster
from harness.plain import Plain

from . import writes


@asynccontextmanager
async def staged(plain: Plain, gateway_count: int, zone_count: int, is_proxied: bool = False, is_witnessed: bool = False) -> AsyncIterator[Cluster]:
    """Starts it, and ends it at once. Its logs stay; `logs` in its folder has them."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    # Whoever stops us stops the processes too.
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    cluster = Cluster(folder, plain.write(folder / "world"), gateway_count, zone_count, is_proxied)
    try:
        await asyncio.to_thread(cluster.start_databases)
        if is_witnessed:
            writes.install(cluster.sql)
        await asyncio.to_thread(cluster.start_programs)
        yield cluster
    finally:
        await asyncio.to_thread(cluster.kill)


def refuse_without_databases() -> None:
    """Ends the program with 2 if it cannot be run here."""
    if problem := databases.missing():
        print("cannot run: %s (apt-get install postgresql redis-server)" % problem, file=sys.stderr)
        sys.exit(2)
