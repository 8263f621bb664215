"""The operations of the document."""

METHODS = ("get", "post", "put", "patch", "delete")


def list_operations(document: dict) -> list[tuple[str, str, dict]]:
    """Give every operation, as path, method and what is said of it."""
    paths = document["paths"].items()
    return [(path, method.upper(), item[method]) for path, item in paths for method in METHODS if method in item]
