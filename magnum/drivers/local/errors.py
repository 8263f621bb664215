"""What can go wrong with machines of this host, told to a person.

One base class, so that a driver catches one thing and decides for itself whether to retry: everything here is about the
host or the request, never about the cluster's own software. A text says what was wrong, where, and what to do.
"""


class LocalError(Exception):
    """The host could not do what was asked of it."""


class InvalidNameError(LocalError):
    """A name that would not be safe as part of a path, or not valid as a host name."""


class CommandError(LocalError):
    """A program failed, timed out or is not installed."""


class LockTimeoutError(LocalError):
    """Another process holds a lock for longer than we wait."""


class SubnetsExhaustedError(LocalError):
    """No subnet of the pool is free on this host."""


class SubnetTakenError(LocalError):
    """The subnet that a cluster's machines were addressed in belongs to somebody else now."""


class RootfsMissingError(LocalError):
    """The root file system of an image was not built on this host."""


class MachineStuckError(LocalError):
    """A machine's processes do not end, though they were killed."""
