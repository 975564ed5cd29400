"""What all bots share: the cluster they play on, the world, the ledger, and whether they may play at the moment."""

import asyncio
import time
from dataclasses import dataclass, field

from harness.cluster import Cluster, Gateway
from harness.plain import Plain

from .ledger import Ledger
from .verdict import Verdict


@dataclass
class Game:
    cluster: Cluster
    plain: Plain
    ledger: Ledger = field(default_factory=Ledger)
    #: Of the present round.
    verdict: Verdict = field(default_factory=Verdict)
    #: Bots stand still while it is not set.
    may_play: asyncio.Event = field(default_factory=asyncio.Event)
    #: When the last fault struck.
    struck_at: float = 0.0
    #: All gold there is.
    gold_total: int = 0
    #: Gateways that die in the present round: connections to others are kept.
    dying: set[Gateway] = field(default_factory=set)
    #: Gateways that are stopped in order in the present round: whoever plays there is logged out, until he is back by another.
    leaving: set[Gateway] = field(default_factory=set)

    def now(self) -> float:
        return time.monotonic()

    def may_lose(self, gateway: Gateway) -> bool:
        """Whether a connection to a gateway may break."""
        return gateway in self.dying
