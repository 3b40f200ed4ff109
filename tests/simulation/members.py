"""A consortium with its keys, and documents of it, for tests of the parts that only pass documents on."""

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import prover
from protocol import signatures
from protocol.consortium import Consortium, Member
from protocol.dataset import Registration, SignedRegistration
from protocol.messages import Decision, LogHead, Refusal, Round, SignedMessage, Verdict
from protocol.query import Offer
from protocol.relay import RoundReply, RoundRequest

NAMES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Members:
    """A consortium of `n` members whose keys are here."""

    consortium: Consortium
    keys: dict[int, Ed25519PrivateKey]

    def decision(self, sender: int, query_id: str, *, sequence: int = 1, text: str = "") -> SignedMessage:
        """A refusing decision: the smallest well-formed message."""
        head = LogHead(sequence=sequence, head=digest(f"head {sequence} {text}"))
        body = Decision(
            offer=digest("offer"),
            accept=False,
            refusal="policy-buyer",
            root=None,
            minimum_cohort=0,
            minimum_hospitals=0,
            keys=(),
            log=head,
        )
        return signatures.sign_message(self.keys[sender], self.consortium, query_id, Round.DECISION, sender, body)

    def message(self, sender: int, query_id: str, round_: Round, text: str = "") -> SignedMessage:
        """A well-formed message of the decision or the verdict round."""
        if round_ is Round.DECISION:
            return self.decision(sender, query_id, text=text)
        body = Verdict(offer=digest("offer"), decisions=digest(text), checks=())
        return signatures.sign_message(self.keys[sender], self.consortium, query_id, Round.VERDICT, sender, body)

    def reply(self, sender: int, query_id: str, round_: Round = Round.DECISION, text: str = "") -> RoundReply:
        message = self.message(sender, query_id, round_, text)
        return RoundReply(round=round_, query_id=query_id, message=message, refusal=None)

    def answer(self, sender: int, request: RoundRequest) -> RoundReply:
        return self.reply(sender, request.query_id, request.round)

    def offer(self, query_id: str) -> Offer:
        return Offer(
            consortium=self.consortium.digest,
            query_id=query_id,
            nonce=secrets.token_hex(32),
            buyer="buyer",
            purpose="research",
            dataset="nhanes",
            sql="SELECT COUNT(*) FROM nhanes",
            plan_hash=digest("plan"),
            schema_hash=digest("schema"),
            publication="digest",
            submitted_at=0,
            expires_at=4_000_000_000,
        )

    def registration(self, member: int, epoch: int = 1, text: str = "", *, signer: int | None = None) -> SignedRegistration:
        registration = Registration(
            consortium=self.consortium.digest,
            hospital=member,
            dataset="nhanes",
            epoch=epoch,
            table_schema={"columns": []},
            schema_hash=digest("schema"),
            generators=prover.generator_digest(),
            chunk_rows=1024,
            chunks=1,
            columns=32,
            commitments=digest(text),
            admission=digest("admission"),
            salt=digest("salt"),
            valid_from=0,
        )
        return signatures.sign_registration(self.keys[signer or member], registration)


def refusal(query_id: str, code: str = "dataset-inactive", round_: Round = Round.DECISION) -> RoundReply:
    return RoundReply(round=round_, query_id=query_id, message=None, refusal=Refusal(code=code, message="no"))


def make_members(n: int = 4, threshold: int = 1, name: str = "trial") -> Members:
    keys = {index: Ed25519PrivateKey.generate() for index in range(1, n + 1)}
    members = tuple(
        Member(
            index=index,
            name=NAMES[index - 1],
            address="0x" + secrets.token_hex(20),
            signing_key=key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex(),
        )
        for index, key in keys.items()
    )
    return Members(Consortium(name=name, threshold=threshold, members=members), keys)
