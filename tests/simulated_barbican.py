"""A simulated Barbican: secrets, containers, their readers and consumers, in the form that Barbican gives them.

It is no Barbican: it keeps payloads in a dictionary, and lets everybody read that it knows.
"""

import base64
import json
from uuid import uuid4

Answer = tuple[int, object]
NOTHING: Answer = (404, {"title": "Not Found", "description": "Not found. Sorry but it is in another castle."})


class SimulatedBarbican:
    def __init__(self, url: str) -> None:
        self._url = url
        self.secrets: dict[str, dict] = {}
        self.payloads: dict[str, bytes] = {}
        self.containers: dict[str, dict] = {}
        self.readers: dict[str, dict] = {}
        """Of each secret and container by its id."""

    def content(self) -> str:
        """Give all that is stored, to be looked through."""
        payloads = {ident: payload.decode() for ident, payload in sorted(self.payloads.items())}
        held = {"secrets": self.secrets, "containers": self.containers, "payloads": payloads}
        return "\n".join(json.dumps(things, sort_keys=True) for things in held.values() if things)

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, user: str) -> Answer:  # noqa: PLR0911
        collection, *rest = path.strip("/").split("/")[1:]
        held = self.secrets if collection == "secrets" else self.containers
        match method, rest:
            case "GET", []:
                return 200, {collection: [one for one in held.values() if one["name"] == query["name"]]}
            case "POST", []:
                return self._create(collection, json.loads(body), user)
            case _, [ident, *_] if ident not in held:
                return NOTHING
            case "GET", [ident]:
                return 200, held[ident]
            case "GET", [ident, "payload"]:
                return 200, self.payloads[ident]
            case "PUT", [ident, "acl"]:
                self.readers[ident] = json.loads(body)["read"]
                return 200, {"acl_ref": f"{self._url}{path}"}
            case "POST", [ident, "consumers"]:
                self.containers[ident]["consumers"].append(json.loads(body))
                return 200, held[ident]
            case "DELETE", [ident]:
                for things in (held, self.payloads, self.readers):
                    things.pop(ident, None)
                return 204, None
        return 405, {"title": "Method Not Allowed"}

    def _create(self, collection: str, asked: dict, user: str) -> Answer:
        ident = str(uuid4())
        kind = collection.removesuffix("s")
        made = {f"{kind}_ref": f"{self._url}/v1/{collection}/{ident}", "name": asked["name"], "creator_id": user}
        if kind == "secret":
            self.payloads[ident] = base64.b64decode(asked["payload"])
            self.secrets[ident] = made
        else:
            self.containers[ident] = made | {"consumers": [], "secret_refs": asked["secret_refs"]}
        return 201, {f"{kind}_ref": made[f"{kind}_ref"]}
