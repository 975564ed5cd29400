"""What can go wrong in a conversation, one class for each thing that a caller can do about it."""


class Error(Exception):
    """Anything that this package raises of its own."""


class ConnectionClosed(Error):
    """The conversation is over: the server closed it, another login took the character over, or it broke.

    Connect again and log in; a ``set`` or ``edit`` that was unanswered may or may not have happened.
    """


class Timeout(ConnectionClosed):
    """The server said nothing for too long. The connection is closed: a late reply would answer the wrong request."""


class ProtocolError(ConnectionClosed):
    """The server sent what the protocol does not allow. The connection is closed."""


class NotLoggedIn(Error):
    """The request needs a character: call ``login`` or ``new`` first. Nothing was sent."""


class Unsendable(Error):
    """A value that the protocol has no shape for: only data travels. Nothing was sent."""


class UnsafeImage(Error):
    """The client image holds a name that would be written outside its folder, or over a link. Nothing was written."""
