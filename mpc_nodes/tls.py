"""Mutual TLS between hub and nodes: certificates of a trial, credentials for gRPC, and who is at the other end.

A certificate has one purpose: the hub's is for servers only, a node's for clients only, and a node's names its member.
gRPC for Python cannot be told a minimum version; the hub refuses a stream that did not negotiate TLS 1.3, and both ends
of a connection see the same version (docs/spec/07-transport.md, "TLS").
"""

import datetime
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from mpc_nodes.transport_errors import CertificateInvalid, SecretInvalid
from protocol.consortium import Consortium

_CA_LIFE: Final = datetime.timedelta(days=3650)
_LEAF_LIFE: Final = datetime.timedelta(days=397)
_BACKDATE: Final = datetime.timedelta(hours=1)  # clocks differ
_MEMBER_INDEX: Final = re.compile(r"member-([1-9][0-9]{0,2})\.(.+)\.proofward")


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)  # not printed: it authenticates


def member_host(index: int, consortium_name: str) -> str:
    """The DNS name in the certificate of a member's node. It resolves nowhere."""
    return f"member-{index}.{consortium_name}.proofward"


class CertificateAuthority:
    """A trial's own authority. Its key lives in this object only and is gone when the trial has been made."""

    def __init__(self, consortium_name: str, now: float) -> None:
        self._consortium_name = consortium_name
        self._now = datetime.datetime.fromtimestamp(now, datetime.UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Proofward trial {consortium_name}"[:64])])
        usage = _key_usage(ca=True)
        builder = self._builder(self._name, self._key.public_key(), _CA_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage, critical=True)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def issue_hub(self, hosts: Sequence[str]) -> Issued:
        """The hub's certificate, for the host names and addresses under which nodes dial it."""
        return self._issue("hub", ExtendedKeyUsageOID.SERVER_AUTH, [_general_name(host) for host in hosts])

    def issue_node(self, index: int) -> Issued:
        """The certificate of member `index`."""
        host = member_host(index, self._consortium_name)
        return self._issue(f"member-{index}", ExtendedKeyUsageOID.CLIENT_AUTH, [x509.DNSName(host)])

    def _issue(self, common_name: str, purpose: ObjectIdentifier, names: list[x509.GeneralName]) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = self._builder(subject, key.public_key(), _LEAF_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(authority, critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Issued(_pem(builder.sign(self._key, hashes.SHA256())), private)

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, life: datetime.timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BACKDATE)
            .not_valid_after(self._now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )


def server_credentials(issued: Issued, client_ca: bytes) -> grpc.ServerCredentials:
    """What the hub listens with: no stream without a client certificate of the consortium's authority."""
    _check_pair(issued)
    return grpc.ssl_server_credentials([(issued.key, issued.certificate)], client_ca, require_client_auth=True)


def channel_credentials(issued: Issued, hub_ca: bytes) -> grpc.ChannelCredentials:
    """What a node dials with: only a hub certified by the consortium's authority is believed."""
    _check_pair(issued)
    return grpc.ssl_channel_credentials(hub_ca, issued.key, issued.certificate)


def check_validity(certificate: bytes, now: float, where: str) -> None:
    """Check that our own certificate can be used at `now`, Unix seconds.

    The other side would refuse it too, but there the reason does not reach the operator who has to act.

    Raises:
        CertificateInvalid: not a certificate, not yet valid, or expired.
    """
    loaded = _load(certificate, where)
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if moment < loaded.not_valid_before_utc:
        raise CertificateInvalid(f"the certificate is not valid before {loaded.not_valid_before_utc:%Y-%m-%d}", where=where)
    if moment > loaded.not_valid_after_utc:
        raise CertificateInvalid(f"the certificate expired on {loaded.not_valid_after_utc:%Y-%m-%d}", where=where)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of the DER encoding of a PEM certificate, hexadecimal: how `hub.toml` names a revoked certificate."""
    return _load(certificate, "certificate").fingerprint(hashes.SHA256()).hex()


def peer_member(
    properties: Mapping[str, Iterable[bytes]], consortium: Consortium, revoked: frozenset[str] = frozenset()
) -> int:
    """The member that the client certificate of a stream names, from gRPC's authentication context.

    gRPC has checked the chain, the dates and the purpose. Here: TLS 1.3, exactly one name, and it is a member's.

    Raises:
        CertificateInvalid: any of these does not hold, or the certificate is revoked.
    """
    if list(properties.get("ssl_tls_version", ())) != [b"TLSv1.3"]:
        raise CertificateInvalid("the connection does not use TLS 1.3")
    certificates = list(properties.get("x509_pem_cert", ()))
    if len(certificates) != 1:
        raise CertificateInvalid("the stream has no client certificate")
    certificate = _load(certificates[0], "client certificate")
    if certificate.fingerprint(hashes.SHA256()).hex() in revoked:
        raise CertificateInvalid("the client certificate is revoked")
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        raise CertificateInvalid("the client certificate names no purpose or no member") from None
    if list(purposes) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise CertificateInvalid("the certificate is not for clients only")
    match = _MEMBER_INDEX.fullmatch(names[0].value) if len(names) == 1 and isinstance(names[0], x509.DNSName) else None
    if match is None or match[2] != consortium.name or not 1 <= int(match[1]) <= consortium.size:
        raise CertificateInvalid("the client certificate does not name a member of this consortium")
    return int(match[1])


def _check_pair(issued: Issued) -> None:
    # gRPC reports a wrong pair only as a port that cannot be bound, or not at all.
    try:
        key = serialization.load_pem_private_key(issued.key, password=None)
        public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError):
        raise SecretInvalid("the TLS key is not an unencrypted private key in PEM") from None
    certified = _load(issued.certificate, "TLS certificate").public_key()
    if certified.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) != public:
        raise SecretInvalid("the TLS key is not the key of the TLS certificate")


def _load(certificate: bytes, where: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate)
    except ValueError:
        raise CertificateInvalid("not a certificate in PEM", where=where) from None


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
