"""Keystone: whether a project exists. It is asked with the token of whoever wants to know, who needs the right to.

The token is not kept longer than the request that brought it, and shows nowhere.
"""

import re

from keystoneauth1 import exceptions as keystoneauth
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token

from .errors import NotAllowed, Unanswered

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Nothing else is the id of a project, and nothing else gets into a URL."""


class KeystoneProjects:
    def __init__(self, session: Session, url: str, token: str) -> None:
        """`url` is that of the identity API, with or without its version; calls end as the session says."""
        self._session = session
        self._url = re.sub(r"(/v3)?/*$", "/v3", url, count=1)
        self._asker = Token(self._url, token)

    def exists(self, project_id: str) -> bool:
        """Raises NotAllowed, or Unanswered."""
        if not _ID.fullmatch(project_id):
            return False
        try:
            url = f"{self._url}/projects/{project_id}"
            self._session.get(url, auth=self._asker, headers={"Accept": "application/json"})
        except keystoneauth.NotFound:
            return False
        except (keystoneauth.Forbidden, keystoneauth.Unauthorized) as error:
            raise NotAllowed(str(error)) from None
        except keystoneauth.ClientException as error:
            raise Unanswered(str(error)) from None
        return True
