"""Credentials of nodes: from the token that a request carries to what it may do."""

from magnum.db import credentials
from magnum.model.credentials import NodeCredential, hash_token

from .errors import Unauthenticated
from .service import Service

_LONGEST_TOKEN = 128


def authenticate(service: Service, token: str | None) -> NodeCredential:
    """Find the credential of a token. One that has ended and one that never was are told apart by nobody."""
    if token and len(token) <= _LONGEST_TOKEN and token.isascii():
        hashed = hash_token(token)
        credential = service.database.read(lambda tx: credentials.find(tx, hashed))
        if credential is not None:
            return credential
    raise Unauthenticated("The node's token is missing, unknown or no longer valid.")
