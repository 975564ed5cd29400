"""The client of pymmorpg: a world of thousands of players behind nine requests.

`Client` is the conversation; `errors` are what can go wrong with it; `image` writes what `upgrade` brought.
"""

from . import errors, image
from .client import Client, Entity
from .errors import ConnectionClosed, Error, NotLoggedIn, ProtocolError, Timeout, UnsafeImage, Unsendable

__all__ = [
    "Client",
    "ConnectionClosed",
    "Entity",
    "Error",
    "NotLoggedIn",
    "ProtocolError",
    "Timeout",
    "UnsafeImage",
    "Unsendable",
    "errors",
    "image",
]

__version__ = "0.1.0"
