"""magnum-status upgrade check: says whether this release may be started on what is there.

Status 0: yes; 1: yes, with a warning; 2: no; 255: the checks themselves failed. Nothing is changed.
"""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import common_checks, upgradecheck

from magnum.certificates.encryption import EncryptionError, Keyring
from magnum.certificates.stores.base import (
    CertificateNotFoundError,
    CertificateStoreError,
    CertificateStoreRefusedError,
)
from magnum.certificates.stores.registry import UnknownStoreError, open_store
from magnum.conf.settings import declare_options, read_settings
from magnum.db import migrate, x509keypairs

from .assembly import open_clouds
from .programs import program

SUCCESS, WARNING, FAILURE = upgradecheck.Code.SUCCESS, upgradecheck.Code.WARNING, upgradecheck.Code.FAILURE
Result = upgradecheck.Result
_NOTHING = "00000000-0000-4000-8000-000000000000"
"""A reference under which nothing is stored."""
_ONE_HOST = "[certificates] cert_manager_type is local: certificates are files of one host, which no other can read."


class Checks(upgradecheck.UpgradeCommands):
    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    def check_schema(self) -> Any:
        url = read_settings(self._conf).database.connection
        if missing := migrate.check(url):
            return Result(WARNING, f"The database lacks: {', '.join(missing)}. Run: magnum-db-manage upgrade")
        return Result(SUCCESS)

    def check_encryption_keys(self) -> Any:
        certificates = read_settings(self._conf).certificates
        if not certificates.encryption_keys:
            return Result(WARNING, "[certificates] encryption_keys is empty: a conductor will refuse to store secrets.")
        try:
            Keyring.load(certificates.encryption_keys)
        except EncryptionError as error:
            return Result(FAILURE, str(error))
        return Result(SUCCESS)

    def check_certificate_store(self) -> Any:
        """Look into it, as a conductor will."""
        settings = read_settings(self._conf)
        store = settings.certificates.cert_manager_type
        clouds = open_clouds(settings) if store == "barbican" else None
        parts: dict[str, Any] = {"rows": x509keypairs, "transactions": None, "clouds": clouds}
        try:
            opened = open_store(store, storage_path=settings.certificates.storage_path, keyring=Keyring([]), **parts)
            if clouds is not None:
                opened.get(_NOTHING)
        except CertificateNotFoundError:
            return Result(SUCCESS)
        except (UnknownStoreError, CertificateStoreRefusedError) as error:
            return Result(FAILURE, str(error))
        except CertificateStoreError as error:
            return Result(WARNING, str(error))
        return Result(WARNING, _ONE_HOST) if store == "local" else Result(SUCCESS)

    def check_policy_file(self) -> Any:
        return common_checks.check_policy_json(self, self._conf)

    _upgrade_checks = (
        ("Policy File JSON to YAML Migration", check_policy_file),
        ("Database Schema", check_schema),
        ("Encryption Keys", check_encryption_keys),
        ("Certificate Store", check_certificate_store),
    )


@program("magnum-status")
def main(arguments: Sequence[str]) -> int:
    conf = declare_options()
    return int(upgradecheck.main(conf, "magnum", Checks(conf), argv=list(arguments)))
