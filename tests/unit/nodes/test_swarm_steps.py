import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from magnum.certificates.limits import check_node_request, swarm_node_limits
from magnum.model.signing import CaType
from magnum.nodes.data import Engine
from magnum.nodes.files import data_files

STEPS = "steps/swarm-mode"
CERTIFICATES = "/etc/magnum/certificates"
NOW = datetime.now(UTC)


def pem(value: x509.Certificate) -> str:
    return value.public_bytes(serialization.Encoding.PEM).decode()


def certificate(
    subject: str, key: ec.EllipticCurvePublicKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
):
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def ca_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def ca(ca_key):
    return pem(certificate("cluster", ca_key.public_key(), "cluster", ca_key, ca=True))


@pytest.fixture(scope="module")
def node_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def keyed_machine(machine, node_key):
    """A machine that has its key already, so that a test can know the certificate before."""
    key = node_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    machine.path(CERTIFICATES).mkdir(parents=True)
    machine.path(f"{CERTIFICATES}/server.key").write_bytes(key)
    return machine


def answered(text: str) -> tuple[int, int, str]:
    return 0, 200, json.dumps({"pem": text, "links": ["x"], "cluster_uuid": "y"})


def signing_request(machine) -> x509.CertificateSigningRequest:
    body = json.loads(machine.calls[-1].partition("--- body\n")[2])
    assert body["cluster_uuid"] == "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
    return x509.load_pem_x509_csr(body["csr"].encode())


class TestMakeCertificates:
    def test_the_ca_and_the_signed_certificate_are_put_in_place(self, keyed_machine, ca, ca_key, node_key):
        signed = pem(certificate("web-1", node_key.public_key(), "cluster", ca_key, ca=False))
        keyed_machine.answer(answered(ca), answered(signed))
        ran = keyed_machine.program(f"{STEPS}/20-make-certificates")
        assert ran.returncode == 0, ran.stderr
        assert keyed_machine.path(f"{CERTIFICATES}/ca.crt").read_text() == ca
        assert keyed_machine.path(f"{CERTIFICATES}/server.crt").read_text() == signed

    def test_it_asks_for_what_the_nodes_credential_may_have_signed(self, machine, ca, make_data):
        machine.install(data_files(make_data(api_addresses=("10.9.0.5", "10.9.0.6"))))
        machine.answer(answered(ca), answered("no certificate"))
        machine.program(f"{STEPS}/20-make-certificates")
        csr = signing_request(machine)
        assert csr.is_signature_valid
        limits = swarm_node_limits("web-1", "10.20.0.11", manager=True, api_host="10.9.0.5")
        limits = msgspec.structs.replace(limits, ip_addresses=(*limits.ip_addresses, "10.9.0.6"))
        check_node_request(csr, CaType.KUBERNETES, limits)
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {
            "10.20.0.11",
            "10.9.0.5",
            "10.9.0.6",
        }

    def test_the_key_is_made_here_for_root_only_and_stays(self, machine, ca):
        machine.answer(answered(ca), (0, 400, "no"))
        assert machine.program(f"{STEPS}/20-make-certificates").returncode == 1
        key = machine.path(f"{CERTIFICATES}/server.key")
        made = key.read_bytes()
        assert key.stat().st_mode & 0o777 == 0o600
        assert made not in b"".join(call.encode() for call in machine.calls)
        machine.program(f"{STEPS}/20-make-certificates")
        assert key.read_bytes() == made
        assert [path.name for path in machine.path(CERTIFICATES).iterdir() if "key" in path.name] == ["server.key"]

    @pytest.mark.parametrize(
        "given", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_a_ca_that_is_no_certificate_is_refused(self, machine, given):
        machine.answer(answered(given))
        ran = machine.program(f"{STEPS}/20-make-certificates")
        assert ran.returncode == 1
        assert "cluster's CA is no certificate" in ran.stderr
        assert not machine.path(f"{CERTIFICATES}/ca.crt").exists()

    def test_a_certificate_of_another_ca_is_refused(self, keyed_machine, ca, node_key):
        foreign = pem(
            certificate("web-1", node_key.public_key(), "cluster", ec.generate_private_key(ec.SECP256R1()), ca=False)
        )
        keyed_machine.answer(answered(ca), answered(foreign))
        ran = keyed_machine.program(f"{STEPS}/20-make-certificates")
        assert ran.returncode == 1
        assert "does not vouch" in ran.stderr
        assert not keyed_machine.path(f"{CERTIFICATES}/server.crt").exists()

    def test_an_answer_without_a_certificate_is_named(self, machine):
        machine.answer((0, 200, '{"detail": "nothing here"}'))
        ran = machine.program(f"{STEPS}/20-make-certificates")
        assert ran.returncode == 1
        assert 'the answer holds no "pem"' in ran.stderr


class TestConfigureEngine:
    def configure(self, machine) -> dict[str, object]:
        machine.stub("dockerd")
        ran = machine.program(f"{STEPS}/30-configure-engine")
        assert ran.returncode == 0, ran.stderr
        written = json.loads(machine.path("/etc/docker/daemon.json").read_text())
        assert isinstance(written, dict)
        return written

    def test_the_engine_asks_every_client_for_a_certificate(self, machine):
        assert self.configure(machine) == {
            "hosts": ["fd://", "tcp://10.20.0.11:2376"],
            "tlsverify": True,
            "tlscacert": "/etc/magnum/certificates/ca.crt",
            "tlscert": "/etc/magnum/certificates/server.crt",
            "tlskey": "/etc/magnum/certificates/server.key",
        }
        assert machine.path("/etc/magnum/engine.env").read_text() == ""

    def test_what_the_template_asks_for_is_in_it(self, machine, make_data):
        engine = Engine(
            "overlay2", ("reg:5000", "10.0.0.0/8"), "http://u:p%40@proxy:3128", None, "10.20.0.0/24,.example"
        )
        machine.install(data_files(make_data(engine=engine, address="2001:db8::5")))
        written = self.configure(machine)
        assert written["hosts"] == ["fd://", "tcp://[2001:db8::5]:2376"]
        assert written["storage-driver"] == "overlay2"
        assert written["insecure-registries"] == ["reg:5000", "10.0.0.0/8"]
        environment = machine.path("/etc/magnum/engine.env")
        assert environment.read_text() == "HTTP_PROXY=http://u:p%40@proxy:3128\nNO_PROXY=10.20.0.0/24,.example\n"
        assert environment.stat().st_mode & 0o777 == 0o600

    def test_the_unit_starts_the_engine_without_addresses(self, machine):
        self.configure(machine)
        unit = machine.path("/etc/systemd/system/docker.service.d/magnum.conf")
        assert unit.read_text().splitlines() == [
            "[Service]",
            "EnvironmentFile=/etc/magnum/engine.env",
            "ExecStart=",
            f"ExecStart={machine.bin}/dockerd --containerd=/run/containerd/containerd.sock",
        ]
        assert unit.stat().st_mode & 0o777 == 0o644
        assert unit.parent.stat().st_mode & 0o777 == 0o755

    def test_run_again_it_gives_the_same(self, machine):
        first = self.configure(machine)
        assert self.configure(machine) == first
        assert [path.name for path in machine.path("/etc/docker").iterdir()] == ["daemon.json"]


class TestCheckImage:
    def test_an_image_with_all_that_is_needed_passes(self, machine):
        for name in ("dockerd", "containerd", "runc", "systemctl"):
            machine.stub(name)
        assert machine.program(f"{STEPS}/10-check-image").returncode == 0

    def test_what_is_missing_is_named(self, machine):
        (machine.bin / "bash").symlink_to("/bin/bash")
        for name in ("mkdir", "mktemp", "rm"):
            (machine.bin / name).symlink_to(f"/usr/bin/{name}")
        ran = machine.program(f"{STEPS}/10-check-image", PATH=str(machine.bin))
        assert ran.returncode == 1
        assert ran.stderr == "this machine's image has no dockerd: use an image that holds the Docker engine\n"


class TestStartEngine:
    @pytest.fixture
    def started(self, machine):
        machine.stub("systemctl")
        machine.stub(
            "journalctl", "#!/bin/bash\necho 'level=info of no use'; echo 'failed to start daemon: no driver'\n"
        )
        machine.stub("openssl", '#!/bin/bash\necho "openssl $*" >>"$STUBS/commands"\necho "Verification: OK"\nexit 1\n')
        return machine

    def test_the_engine_is_started_now_and_at_every_boot(self, started):
        ran = started.program(f"{STEPS}/40-start-engine")
        assert ran.returncode == 0, ran.stdout
        assert started.commands[:3] == [
            "systemctl daemon-reload",
            "systemctl --quiet enable docker.service",
            "systemctl restart docker.service",
        ]
        assert "-connect 10.20.0.11:2376" in started.commands[3]
        assert "-verify_ip 10.20.0.11" in started.commands[3]

    def test_an_engine_that_does_not_start_says_why(self, started):
        started.stub("systemctl", "#!/bin/bash\n[[ $1 != restart ]]\n")
        ran = started.program(f"{STEPS}/40-start-engine")
        assert ran.returncode == 1
        wanted = "the Docker engine does not start; its log ends with:\nfailed to start daemon: no driver\n"
        assert ran.stdout == wanted

    def test_an_engine_with_another_certificate_is_not_ours(self, started):
        started.stub("openssl", '#!/bin/bash\necho "Verification error: IP address mismatch"\n')
        ran = started.program(f"{STEPS}/40-start-engine")
        assert ran.returncode == 1
        assert ran.stdout == (
            "the Docker engine does not answer on 10.20.0.11 port 2376 with this node's certificate:\n"
            "Verification error: IP address mismatch\n"
        )
