"""How a call to an OpenStack service fails, for those who do not know its library."""


class Unanswered(Exception):  # noqa: N818  what it says
    """No answer came, or none that makes sense."""


class NotAllowed(Exception):  # noqa: N818
    """The service knows who asks, and refuses."""
