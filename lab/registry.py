"""Container images made of files, and brought to a registry by its own API: no engine, no daemon, no network but that.

Layers are not compressed: on one host, time is dearer than room. The same files make the same layer, byte for byte, and
what the registry has is not sent again.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import urllib3

SECONDS = 60
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class RegistryError(Exception):
    """The registry does not take an image; the text says what it answered."""


class Layer(msgspec.Struct, frozen=True):
    """A layer that the registry has."""

    owner: str
    """The image it was sent for."""
    digest: str
    size: int


class Registry:
    """Speaks with one registry, without TLS and password."""

    def __init__(self, address: str) -> None:
        self.address = address

    def answers(self) -> bool:
        try:
            self._ask("GET", "/v2/")
        except (urllib3.exceptions.HTTPError, RegistryError):
            return False
        return True

    def has(self, name: str, tag: str) -> bool:
        return self._request("HEAD", f"/v2/{name}/manifests/{tag}", headers={"Accept": MANIFEST}).status == 200

    def layer(self, name: str, content: bytes) -> Layer:
        """Bring a layer of an image."""
        return Layer(name, self._bring(name, content), len(content))

    def push(self, name: str, tags: Iterable[str], layers: Sequence[Layer], process: Mapping[str, object]) -> None:
        """Make an image of layers, the lowest first, and of what it runs: `Entrypoint`, `Cmd`, `Env`, `User`."""
        for layer in layers:
            if layer.owner != name:
                self._ask("POST", f"/v2/{name}/blobs/uploads/?mount={layer.digest}&from={layer.owner}")
        configuration = _json(
            {
                "architecture": ARCHITECTURE,
                "os": "linux",
                "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **process},
                # Their checksums as they are sent are those of their content: they are not compressed.
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            }
        )
        described = {"digest": self._bring(name, configuration), "size": len(configuration)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIGURATION, **described},
            "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
        }
        for tag in tags:
            self._ask("PUT", f"/v2/{name}/manifests/{tag}", _json(manifest), MANIFEST)

    def _bring(self, name: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self._request("HEAD", f"/v2/{name}/blobs/{digest}").status != 200:
            place = self._ask("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
            self._ask("PUT", f"{place}&digest={digest}", content)
        return digest

    def _ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream"
    ) -> urllib3.BaseHTTPResponse:
        answer = self._request(method, path, body, {"Content-Type": kind})
        if answer.status >= 300:
            told = answer.data[:2000].decode(errors="replace")
            raise RegistryError(f"the registry {self.address} answers {answer.status} to {method} {path}: {told}")
        return answer

    def _request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        url = f"http://{self.address}{path}"
        return urllib3.request(method, url, body=body, headers=headers, timeout=SECONDS, retries=False)


def tar(files: Mapping[str, tuple[bytes, int]], links: Mapping[str, str] | None = None) -> bytes:
    """Pack a layer: files by their path, with content and mode, and symbolic links with what they point to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        for path, target in (links or {}).items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            packed.addfile(link)
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()
