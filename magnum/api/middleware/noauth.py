"""auth_strategy = noauth: everybody is believed. For tests and for machines that nobody else can reach.

A token `user:project` names the requester, or the headers X-User-Id, X-Project-Id and X-Roles do; the headers win. Who
says nothing of this kind is `admin` of the project `admin`, so that clients without any authentication work.
"""

from collections.abc import Mapping
from typing import Any

from magnum.model.requesters import Requester
from magnum.model.roles import with_implied

_NOBODY = "admin"


class NoAuthentication:
    challenge = None

    def projects(self, environ: Mapping[str, Any]) -> None:
        """There is no identity service to ask."""

    def cloud(self, environ: Mapping[str, Any]) -> None:
        """There is no cloud."""

    def authenticate(self, environ: Mapping[str, Any]) -> Requester:
        user, colon, project = str(environ.get("HTTP_X_AUTH_TOKEN", "")).partition(":")
        named = bool(colon and user and project)
        user_id = environ.get("HTTP_X_USER_ID") or (user if named else _NOBODY)
        project_id = environ.get("HTTP_X_PROJECT_ID") or (project if named else _NOBODY)
        roles = str(environ.get("HTTP_X_ROLES") or "admin").split(",")
        return Requester(
            user_id=user_id,
            user_name=environ.get("HTTP_X_USER_NAME") or user_id,
            project_id=project_id,
            project_name=environ.get("HTTP_X_PROJECT_NAME") or project_id,
            roles=with_implied(role.strip() for role in roles if role.strip()),
        )
