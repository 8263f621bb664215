"""A machine of a cluster as the API's listener for nodes meets it: with its token, or with its certificate."""

import base64
import hashlib
import json

import falcon.testing
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from magnum.api.nodes import make_node_application
from magnum.certificates.authority import Authority, issue
from magnum.certificates.rules import SigningRules
from magnum.db import credentials, nodes
from magnum.model.credentials import NodeCredential, hash_token
from magnum.model.names import new_uuid
from magnum.model.nodes import Node
from magnum.model.signing import NodeLimits

LIMITS = NodeLimits(common_name="web-1")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Machine:
    """A machine of a cluster with its token, and the listener that it calls."""

    def __init__(self, world, cluster: str, name: str = "web-1") -> None:
        self.world, self.cluster, self.name, self.token = world, cluster, name, f"token of {name}"
        self.client = falcon.testing.TestClient(make_node_application(world.service, cluster))
        self.uuid = new_uuid(world.service.randomness)
        _, workers = world.groups(cluster)
        node = Node(
            uuid=self.uuid, cluster_uuid=cluster, nodegroup_uuid=workers.uuid, number=1, name=name, role="worker"
        )
        world.write(lambda tx: nodes.insert(tx, node))
        self.give_token(self.token, seconds=3600)

    def give_token(self, token: str, *, seconds: int) -> None:
        credential = NodeCredential(
            token_hash=hash_token(token),
            cluster_uuid=self.cluster,
            node_uuid=self.uuid,
            node_name=self.name,
            limits=msgspec.structs.replace(LIMITS, common_name=self.name),
            expires_at=self.world.clock.now() + seconds * 1_000_000,
        )
        self.world.write(lambda tx: credentials.insert(tx, credential))

    def call(self, method: str, path: str, *, token: str | None = None, headers=None, **more):
        sent = {"X-Magnum-Node-Token": token or self.token} | (headers or {})
        return self.client.simulate_request(method, f"/v1{path}", headers=sent, **more)

    def report(self, form: str, **more):
        path = f"/clusters/{self.cluster}/nodes/{self.name}/report"
        return self.call("POST", path, body=form, headers=FORM, **more)

    def row(self) -> Node:
        (row,) = [
            node for node in self.world.read(lambda tx: nodes.of_cluster(tx, self.cluster)) if node.uuid == self.uuid
        ]
        return row


class Prover:
    """Holds a certificate for a subject that an authority has signed, and signs requests with its key."""

    def __init__(self, authority: Authority, now: int, name: str = "web-1", *organizations: str, curve=None) -> None:
        self.key = ec.generate_private_key(curve or ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        subject += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
        csr = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name(subject))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        pem = issue(csr.decode(), authority, SigningRules(), None, now)
        self.certificate = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)

    def headers(self, method: str, path: str, body: bytes, seconds: int) -> dict[str, str]:
        text = f"magnum-node-1\n{method}\n{path}\n{seconds}\n{hashlib.sha256(body).hexdigest()}\n"
        signature = self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        return {
            "X-Magnum-Node-Certificate": base64.b64encode(self.certificate).decode(),
            "X-Magnum-Node-Time": str(seconds),
            "X-Magnum-Node-Signature": base64.b64encode(signature).decode(),
        }

    def ask(self, app, method: str, path: str, document: object | None, seconds: int, *, query: str = "", **changes):
        """Send a request with its proof; `changes` replace headers."""
        body = b"" if document is None else json.dumps(document).encode()
        headers = self.headers(method, f"{path}?{query}" if query else path, body, seconds) | changes.pop("headers", {})
        more = {"body": body, "headers": headers | {"Content-Type": "application/json"}} | changes
        return falcon.testing.TestClient(app).simulate_request(method, path, query_string=query, **more)
