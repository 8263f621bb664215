import pytest

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.barbican import BarbicanStore
from magnum.certificates.stores.database import DatabaseStore
from magnum.certificates.stores.local import LocalStore
from magnum.certificates.stores.registry import UnknownStoreError, open_store


def open_named(name, tmp_path, clouds=None):
    parts = {"rows": object(), "transactions": object(), "clouds": clouds}
    return open_store(name, storage_path=tmp_path, keyring=Keyring([]), **parts)


@pytest.mark.parametrize(
    ("name", "kind"), [("x509keypair", DatabaseStore), ("local", LocalStore), ("barbican", BarbicanStore)]
)
def test_the_configured_store_is_opened(tmp_path, name, kind):
    assert type(open_named(name, tmp_path, clouds=object())) is kind


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("barbican", r"cert_manager_type is barbican, and \[keystone_authtoken\] names nobody"),
        ("vault", "cert_manager_type is 'vault'"),
        ("", "cert_manager_type is ''"),
    ],
)
def test_another_name_is_refused_with_the_choices(tmp_path, name, told):
    with pytest.raises(UnknownStoreError, match=rf"{told}.*Choices.*barbican .*x509keypair .* and local "):
        open_named(name, tmp_path)
