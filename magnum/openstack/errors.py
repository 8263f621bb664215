"""How a call to an OpenStack service fails, for those who do not know its library. The text is for a person."""


class CloudError(Exception):
    """A service of the cloud did not do what it was asked to."""


class Unanswered(CloudError):  # noqa: N818  what it says
    """No answer came, or none that makes sense: 5xx, a broken connection, a time that ran out. Worth another try."""


class NotAllowed(CloudError):  # noqa: N818
    """401 or 403: the service knows who asks, or cannot, and refuses."""


class TrustEnded(NotAllowed):
    """Keystone does not let us act for a cluster's owner any more."""


class NotThere(CloudError):  # noqa: N818
    """404: what was asked for does not exist, for this asker."""


class Refused(CloudError):  # noqa: N818
    """Any other 4xx: what was asked for makes no sense to the service, or not now."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class Several(CloudError):  # noqa: N818
    """More than one thing has the name that was asked for."""
