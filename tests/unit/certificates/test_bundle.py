import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from magnum.certificates.bundle import (
    CertificateBundle,
    PrivateKeyError,
    clear_private_key,
    encrypted_pem,
    open_private_key,
)

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(65537, 2048)


def bundle(private_key: str, passphrase: str | None) -> CertificateBundle:
    return CertificateBundle(certificate="-- the certificate --", private_key=private_key, passphrase=passphrase)


def test_a_key_opens_with_its_passphrase(key):
    opened = open_private_key(bundle(encrypted_pem(key, "abcdefgh2345"), "abcdefgh2345"))
    assert opened.private_numbers() == key.private_numbers()


@pytest.mark.parametrize("passphrase", [None, ""])
@pytest.mark.parametrize("form", [PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_an_adopted_key_may_be_clear(key, passphrase, form):
    clear = key.private_bytes(PEM, form, serialization.NoEncryption()).decode()
    assert open_private_key(bundle(clear, passphrase)).private_numbers() == key.private_numbers()


def test_the_clear_key_is_what_tls_libraries_read(key):
    clear = clear_private_key(bundle(encrypted_pem(key, "abcdefgh2345"), "abcdefgh2345"))
    assert clear == key.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode()


@pytest.mark.parametrize("passphrase", ["wrong-secret", None])
def test_a_wrong_passphrase_names_the_certificate(key, passphrase):
    with pytest.raises(PrivateKeyError, match="-- the certificate --") as error:
        open_private_key(bundle(encrypted_pem(key, "abcdefgh2345"), passphrase))
    assert "wrong-secret" not in str(error.value)


def test_a_damaged_key_is_told(key):
    with pytest.raises(PrivateKeyError, match="changed or damaged"):
        open_private_key(bundle(encrypted_pem(key, "abcdefgh2345")[:200], "abcdefgh2345"))


def test_another_kind_of_key_is_told():
    other = ec.generate_private_key(ec.SECP256R1())
    clear = other.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode()
    with pytest.raises(PrivateKeyError, match="no RSA key"):
        open_private_key(bundle(clear, None))
