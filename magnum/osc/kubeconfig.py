"""`coe cluster kubeconfig`: what kubectl or docker needs to reach a cluster, in files that are ready to be used.

The private key is made here, goes into a file that only its owner may read, and never leaves this machine.
"""

import argparse
import os
import shlex
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from osc_lib.command import command
from osc_lib.exceptions import CommandError

from .service import Service

_PATHS = frozenset({"KUBECONFIG", "DOCKER_CERT_PATH"})
"""Variables whose values are paths below the folder of the files."""


class MakeKubeconfig(command.Command):
    """Write a kubeconfig, or docker's certificates, and print the variables that make a client use them."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("cluster", metavar="<cluster>", help="Name or UUID of the cluster")
        parser.add_argument(
            "--dir", metavar="<dir>", type=Path, default=Path(), help="Folder for the files (default: this one)"
        )
        parser.add_argument("--force", action="store_true", help="Overwrite files that are there")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        service = Service(self.app.client_manager)
        folder: Path = parsed_args.dir.absolute()
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        cluster = service.find(parsed_args.cluster)
        if not parsed_args.force:
            _refuse_to_overwrite(folder, "config", "ca.pem", "cert.pem", "key.pem")
        key, csr = _make_request()
        said = service.extension("POST", f"/v1/clusters/{cluster['uuid']}/config", {"csr": csr})
        files = {_plain(name): text for name, text in said["files"].items()}
        if said["key_file"] is not None:
            files[_plain(said["key_file"])] = key
        for name, text in files.items():
            _write(folder / name, text)
        for name, value in said["environment"].items():
            print(f"export {_plain(name)}={shlex.quote(_value(name, value, folder))}")  # noqa: T201  to be sourced


def _make_request() -> tuple[str, str]:
    """Make a key, and a request for the certificate of an administrator of the cluster."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = (
        x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def _refuse_to_overwrite(folder: Path, *names: str) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise CommandError(f"There is {', '.join(there)} in {folder} already. Choose another --dir, or give --force.")


def _plain(name: Any) -> str:
    """Take no path, and nothing that a shell could read otherwise, from a service as a name."""
    if not isinstance(name, str) or not name.replace(".", "").replace("_", "").isalnum() or name.startswith("."):
        raise CommandError("The service's answer names a file or a variable that cannot be one.")
    return name


def _value(name: str, value: str, folder: Path) -> str:
    return str(folder / value) if name in _PATHS else value


def _write(path: Path, text: str) -> None:
    """Write a file that is its owner's alone from the start, whatever was there before."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
