"""HTTP, and nothing else: what the service promises is in `magnum.core`. Nobody imports this package but commands."""

from .composite import root_app_factory

__all__ = ["root_app_factory"]
