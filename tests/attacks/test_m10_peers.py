"""M10: unauthenticated or wrong peers get no stream, and a stream only as the member that they are."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from cryptography.x509.oid import NameOID

from mpc_nodes import relay_options, tls
from mpc_nodes.transport_errors import CertificateInvalid, SecretInvalid
from protocol.wire import relay_pb2, relay_pb2_grpc
from tests.simulation.members import make_members
from tests.simulation.relay import RelaySetting, failure, relay

CLIENT, SERVER = Purpose.CLIENT_AUTH, Purpose.SERVER_AUTH
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
HOST = "member-1.trial.proofward"


class Forge:
    """An authority that signs whatever it is asked to."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self.sign(self.name, self.key, [], [], ca=True).certificate

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        purposes: Sequence[x509.ObjectIdentifier],
        names: Sequence[x509.GeneralName],
        *,
        ca: bool = False,
        begin: datetime.datetime = NOW - DAY,
        end: datetime.datetime = NOW + DAY,
        self_signed: bool = False,
    ) -> tls.Issued:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        )
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(key if self_signed else self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return tls.Issued(certificate.public_bytes(serialization.Encoding.PEM), private)

    def leaf(self, purposes: Sequence[x509.ObjectIdentifier], *names: x509.GeneralName | str, **options: Any) -> tls.Issued:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "member-1")])
        general = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
        return self.sign(subject, ec.generate_private_key(ec.SECP256R1()), list(purposes), general, **options)

    def issue_hub(self, hosts: Sequence[str]) -> tls.Issued:
        names = [x509.DNSName(h) if h == "localhost" else x509.IPAddress(ipaddress.ip_address(h)) for h in hosts]
        return self.leaf([SERVER], *names)

    def issue_node(self, index: int) -> tls.Issued:
        return self.leaf([CLIENT], tls.member_host(index, "trial"))


async def attempt(setting: RelaySetting, credentials: grpc.ChannelCredentials | None) -> tuple[grpc.StatusCode, str | None]:
    """Greet as member 1 over a channel with these credentials; how the hub ends it."""
    options = list(relay_options.CLIENT_OPTIONS)
    channel = (
        grpc.aio.insecure_channel(setting.address, options=options)
        if credentials is None
        else grpc.aio.secure_channel(setting.address, credentials, options=options)
    )
    async with channel:
        call = relay_pb2_grpc.RelayStub(channel).Connect()  # type: ignore[no-untyped-call]
        try:
            frame = await setting.greet(call, 1)
            assert not isinstance(frame, relay_pb2.HubFrame), "the hub welcomed the attacker"
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        outcome = await failure(call)
    assert setting.server.connected() == frozenset()
    return outcome


def _channel(issued: tls.Issued, authority: bytes) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(authority, issued.key, issued.certificate)


async def test_the_forge_can_make_a_good_certificate(tmp_path: Path) -> None:
    """Otherwise the cases below would fail for another reason than the one they are about."""
    forge = Forge()
    async with relay(tmp_path, authority=forge) as setting, setting.node(1):
        await setting.until_connected(1)


NO_CHANNEL = (grpc.StatusCode.UNAVAILABLE, None)
REFUSED = (grpc.StatusCode.FAILED_PRECONDITION, "certificate-invalid")

CASES: dict[str, tuple[Callable[[Forge], grpc.ChannelCredentials | None], tuple[grpc.StatusCode, str | None]]] = {
    "insecure channel": (lambda f: None, NO_CHANNEL),
    "no client certificate": (lambda f: grpc.ssl_channel_credentials(f.certificate), NO_CHANNEL),
    "self-signed": (lambda f: _channel(f.leaf([CLIENT], HOST, self_signed=True), f.certificate), NO_CHANNEL),
    "expired": (lambda f: _channel(f.leaf([CLIENT], HOST, begin=NOW - 2 * DAY, end=NOW - DAY), f.certificate), NO_CHANNEL),
    "not yet valid": (
        lambda f: _channel(f.leaf([CLIENT], HOST, begin=NOW + DAY, end=NOW + 2 * DAY), f.certificate),
        NO_CHANNEL,
    ),
    "another authority": (lambda f: _channel(Forge().leaf([CLIENT], HOST), f.certificate), NO_CHANNEL),
    "server certificate": (lambda f: _channel(f.leaf([SERVER], HOST), f.certificate), NO_CHANNEL),
    "both purposes": (lambda f: _channel(f.leaf([CLIENT, SERVER], HOST), f.certificate), REFUSED),
    "any purpose": (lambda f: _channel(f.leaf([], HOST), f.certificate), REFUSED),
    "no name": (lambda f: _channel(f.leaf([CLIENT]), f.certificate), REFUSED),
    "name of no member": (lambda f: _channel(f.leaf([CLIENT], "member-5.trial.proofward"), f.certificate), REFUSED),
    "index zero": (lambda f: _channel(f.leaf([CLIENT], "member-0.trial.proofward"), f.certificate), REFUSED),
    "padded index": (lambda f: _channel(f.leaf([CLIENT], "member-01.trial.proofward"), f.certificate), REFUSED),
    "another consortium": (lambda f: _channel(f.leaf([CLIENT], "member-1.other.proofward"), f.certificate), REFUSED),
    "longer name": (lambda f: _channel(f.leaf([CLIENT], HOST + ".evil"), f.certificate), REFUSED),
    "wildcard": (lambda f: _channel(f.leaf([CLIENT], "*.trial.proofward"), f.certificate), REFUSED),
    "two members": (lambda f: _channel(f.leaf([CLIENT], HOST, "member-2.trial.proofward"), f.certificate), REFUSED),
    "name as URI": (
        lambda f: _channel(f.leaf([CLIENT], x509.UniformResourceIdentifier(HOST)), f.certificate),
        REFUSED,
    ),
    "another member's": (
        lambda f: _channel(f.issue_node(2), f.certificate),
        (grpc.StatusCode.FAILED_PRECONDITION, "handshake-refused"),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_wrong_peer_gets_no_stream(tmp_path: Path, case: str) -> None:
    make, expected = CASES[case]
    forge = Forge()
    async with relay(tmp_path, authority=forge) as setting:
        assert await attempt(setting, make(forge)) == expected


async def test_a_revoked_certificate_is_refused_and_a_new_one_of_the_member_is_not(tmp_path: Path) -> None:
    forge = Forge()
    old, new = forge.issue_node(1), forge.issue_node(1)
    async with relay(tmp_path, authority=forge, revoked=frozenset({tls.fingerprint(old.certificate)})) as setting:
        assert await attempt(setting, _channel(old, forge.certificate)) == REFUSED
        async with setting.node(1, credentials=_channel(new, forge.certificate)):
            await setting.until_connected(1)


async def test_a_right_certificate_with_a_wrong_signature_is_refused(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting, setting.stream(1) as call:
        frame = await call.read()
        hello = setting.hello(1, frame.challenge)
        hello.hello.signature = bytes(64)
        await call.write(hello)
        assert await failure(call) == (grpc.StatusCode.FAILED_PRECONDITION, "signature-invalid")


async def test_a_hello_of_another_stream_is_refused(tmp_path: Path) -> None:
    async with relay(tmp_path) as setting:
        async with setting.stream(1) as first:
            recorded = setting.hello(1, (await first.read()).challenge)
            await first.write(recorded)
            await first.read()
            await setting.until_connected(1)
        async with setting.stream(1) as replay:
            await replay.read()
            await replay.write(recorded)
            assert await failure(replay) == (grpc.StatusCode.FAILED_PRECONDITION, "signature-invalid")


async def test_the_challenge_never_repeats(tmp_path: Path) -> None:
    seen = set()
    async with relay(tmp_path) as setting:
        for _ in range(5):
            async with setting.stream(1) as call:
                seen.add((await call.read()).challenge.nonce)
    assert {len(nonce) for nonce in seen} == {32}
    assert len(seen) == 5


@pytest.mark.parametrize("case", ["another authority", "another host", "node certificate"])
async def test_a_node_does_not_believe_a_wrong_hub(tmp_path: Path, case: str) -> None:
    forge = Forge()
    issued = {
        "another authority": Forge().issue_hub(["127.0.0.1"]),
        "another host": forge.issue_hub(["127.0.0.2"]),
        "node certificate": forge.leaf([CLIENT], x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
    }[case]
    forge.issue_hub = lambda hosts: issued  # type: ignore[method-assign]
    async with relay(tmp_path, authority=forge) as setting:
        assert await attempt(setting, _channel(forge.issue_node(1), forge.certificate)) == NO_CHANNEL


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/proofward.relay.v1.Relay/connect",
    ],
)
async def test_nothing_else_is_exposed(tmp_path: Path, method: str) -> None:
    async with relay(tmp_path) as setting:
        async with grpc.aio.secure_channel(setting.address, setting.credentials(1)) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await channel.unary_unary(method)(b"")  # type: ignore[call-arg]
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_connection_with_tls_1_2_gets_no_stream(tmp_path: Path) -> None:
    """gRPC would negotiate it. The stream is refused by what the hub sees of the connection; see `test_peer_properties`."""
    async with relay(tmp_path) as setting:
        issued = setting.authority.issue_node(1)
        (tmp_path / "node.pem").write_bytes(issued.key + issued.certificate)
        context = ssl.create_default_context(cadata=setting.authority.certificate.decode())
        context.load_cert_chain(tmp_path / "node.pem")
        context.set_alpn_protocols(["h2"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2

        def talk() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", setting.port), 30) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
            ):
                assert secure.version() == "TLSv1.2"
                secure.sendall(_PREFACE + _open_stream())
                received = b""
                while b"certificate-invalid" not in received:
                    data = secure.recv(1 << 16)
                    if not data:
                        break
                    received += data
                return received

        received = await asyncio.to_thread(talk)
        assert b"certificate-invalid" in received
        assert setting.server.connected() == frozenset()


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def _open_stream() -> bytes:
    """HEADERS of `Connect` on stream 1, every field a literal that is neither indexed nor Huffman-coded (RFC 7541)."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", b"/proofward.relay.v1.Relay/Connect"),
        (b":authority", b"127.0.0.1"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
    block = b"".join(b"\x00" + bytes([len(n)]) + n + bytes([len(v)]) + v for n, v in fields)
    return len(block).to_bytes(3, "big") + b"\x01\x04" + (1).to_bytes(4, "big") + block


def test_peer_properties() -> None:
    """What the transport reports is checked field by field, so that a change of the library does not open the door."""
    members = make_members()
    issued = tls.CertificateAuthority("trial", time.time()).issue_node(2)
    good = {"ssl_tls_version": [b"TLSv1.3"], "x509_pem_cert": [issued.certificate]}
    assert tls.peer_member(good, members.consortium) == 2
    for bad in (
        {},
        {**good, "ssl_tls_version": [b"TLSv1.2"]},
        {**good, "ssl_tls_version": []},
        {**good, "x509_pem_cert": []},
        {**good, "x509_pem_cert": [issued.certificate] * 2},
        {**good, "x509_pem_cert": [b"junk"]},
    ):
        with pytest.raises(CertificateInvalid):
            tls.peer_member(bad, members.consortium)


def test_own_certificates_are_checked_before_they_are_used() -> None:
    authority = tls.CertificateAuthority("trial", time.time())
    issued = authority.issue_node(1)
    tls.check_validity(issued.certificate, time.time(), "node.pem")
    for moment in (time.time() - 86400, time.time() + 400 * 86400):
        with pytest.raises(CertificateInvalid):
            tls.check_validity(issued.certificate, moment, "node.pem")
    with pytest.raises(CertificateInvalid):
        tls.check_validity(b"junk", time.time(), "node.pem")
    mixed = tls.Issued(issued.certificate, authority.issue_node(1).key)
    for make in (tls.server_credentials, tls.channel_credentials):
        with pytest.raises(SecretInvalid):
            make(mixed, authority.certificate)
    assert issued.key.decode() not in repr(issued)
