import pytest

from magnum.certificates.encryption import Keyring
from magnum.certificates.stores.database import DatabaseStore
from magnum.certificates.stores.local import LocalStore
from magnum.certificates.stores.registry import UnknownStoreError, open_store


def open_named(name, tmp_path):
    return open_store(name, storage_path=tmp_path, keyring=Keyring([]), rows=object(), transactions=object())


@pytest.mark.parametrize(("name", "kind"), [("x509keypair", DatabaseStore), ("local", LocalStore)])
def test_the_configured_store_is_opened(tmp_path, name, kind):
    assert type(open_named(name, tmp_path)) is kind


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("barbican", "cert_manager_type is barbican, which comes in a later release"),
        ("vault", "cert_manager_type is 'vault'"),
        ("", "cert_manager_type is ''"),
    ],
)
def test_another_name_is_refused_with_the_choices(tmp_path, name, told):
    with pytest.raises(UnknownStoreError, match=rf"{told}.*Choices.*x509keypair .* and local "):
        open_named(name, tmp_path)
