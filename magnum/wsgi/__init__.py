"""The API for any WSGI server: `magnum.wsgi:application`, with the configuration of the standard places."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Make the application when it is asked for: importing this package must not read a configuration."""
    if name == "application":
        return importlib.import_module(".api", __name__).application
    raise AttributeError(f"module {__name__} has no attribute {name}")
