"""Nodes that lie in one place. They hold real keys and sign what they say, as a corrupt hospital would."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import prover
from circuits.chunk import EncodedChunk
from mpc_nodes.node import Node
from mpc_nodes.rounds import deal
from mpc_nodes.sealing import seal
from mpc_nodes.session import Checked, Dealt, Endorsed, Frozen, Opened, Session
from protocol.document import Document
from protocol.messages import Contribution, Deal, Freeze, LeftOut, Opening, Round, Verdict
from protocol.parameters import GROUP_ORDER, POINT_BYTES, SCALAR_BYTES
from protocol.signatures import sign_contribution
from protocol.signing import seal_info
from prover.contribution import compute_chunks, prove_contribution
from tests.simulation.direct import changed


def plus_one(vector: bytes, position: int) -> bytes:
    """A scalar vector with one more at `position`; 0 is the blinder."""
    start = SCALAR_BYTES * position
    value = (int.from_bytes(vector[start : start + SCALAR_BYTES], "big") + 1) % GROUP_ORDER
    return vector[:start] + value.to_bytes(SCALAR_BYTES, "big") + vector[start + SCALAR_BYTES :]


def wrong_value(vector: bytes) -> bytes:
    return plus_one(vector, 1)


def wrong_blinding(vector: bytes) -> bytes:
    return plus_one(vector, 0)


def both_wrong(vector: bytes) -> bytes:
    return plus_one(plus_one(vector, 0), 1)


class _Dealer(Node):
    """Deals like an honest node, up to what a subclass changes. Its proof is always that of an honest node."""

    def _deal(self, state: Dealt) -> Document:
        table = self._datasets.table(state.decided.decision.root or "")
        self._table, self._cells = table, compute_chunks(state.offered.plan, table)
        return self.lie(state, deal.total(self._cells))

    def lie(self, state: Dealt, secret: bytes) -> Document:
        points, shares = self.polynomials(secret, self._identity.consortium.threshold)
        return self.signed(state, points, shares)

    def polynomials(self, secret: bytes, degree: int) -> tuple[list[str], list[bytes]]:
        """Commitments and shares of polynomials of any degree, without the checks of an honest dealer."""
        count = len(secret) // SCALAR_BYTES
        rows = [secret, *(prover.random_scalars(count) for _ in range(degree))]
        points = [_commit(row) for row in rows]
        return points, [_evaluate(rows, index) for index in range(1, self._identity.consortium.size + 1)]

    def signed(self, state: Dealt, points: Sequence[str], shares: Sequence[bytes], **changes: Any) -> Deal:
        contribution = changed(deal.contribute(self._identity, state, points), **changes)
        return self.with_proof(state, contribution, self.proof(state, contribution), shares)

    def proof(self, state: Dealt, contribution: Contribution) -> bytes:
        return prove_contribution(contribution, state.offered.plan, self._table, self._cells)

    def with_proof(self, state: Dealt, contribution: Contribution, proof: bytes, shares: Sequence[bytes]) -> Deal:
        proven = deal.proven_by(contribution, proof)
        return Deal(
            contribution=sign_contribution(self._identity.keys.signing, proven),
            proof=proof.hex(),
            shares=deal.seal_shares(self._identity, state, shares),
        )


def _commit(row: bytes) -> str:
    count = len(row) // SCALAR_BYTES
    return prover.msm(prover.generators("U", 0, count), row).hex()


def _evaluate(rows: Sequence[bytes], index: int) -> bytes:
    count = len(rows[0]) // SCALAR_BYTES
    out = []
    for position in range(count):
        start = SCALAR_BYTES * position
        coefficients = [int.from_bytes(row[start : start + SCALAR_BYTES], "big") for row in rows]
        out.append(prover.scalar_from_int(sum(c * index**j for j, c in enumerate(coefficients)) % GROUP_ORDER))
    return b"".join(out)


def deals_wrong_share(victim: int, change: Callable[[bytes], bytes]) -> type[Node]:
    """A dealer whose share for `victim` does not lie on its polynomials."""

    class Liar(_Dealer):
        def lie(self, state: Dealt, secret: bytes) -> Document:
            points, shares = self.polynomials(secret, self._identity.consortium.threshold)
            shares[victim - 1] = change(shares[victim - 1])
            return self.signed(state, points, shares)

    return Liar


def deals_noise(victim: int) -> type[Node]:
    """A dealer whose ciphertext for `victim` has the right length and does not open."""

    class Liar(_Dealer):
        def lie(self, state: Dealt, secret: bytes) -> Document:
            honest = self.signed(state, *self.polynomials(secret, self._identity.consortium.threshold))
            shares = list(honest.shares)
            shares[victim - 1] = secrets.token_hex(len(shares[victim - 1]) // 2)
            return changed(honest, shares=tuple(shares))

    return Liar


def deals_degree(degree: int) -> type[Node]:
    """A dealer with polynomials of another degree, and honest shares of them (attacks.md M2)."""

    class Liar(_Dealer):
        def lie(self, state: Dealt, secret: bytes) -> Document:
            return self.signed(state, *self.polynomials(secret, degree))

    return Liar


class LeadingIdentity(_Dealer):
    """A dealer whose polynomials have the right number of coefficients, the last of them zero."""

    def lie(self, state: Dealt, secret: bytes) -> Document:
        points, shares = self.polynomials(secret, self._identity.consortium.threshold - 1)
        return self.signed(state, [*points, "00" * POINT_BYTES], shares)


def deals_with(**changes: Any) -> type[Node]:
    """A dealer whose contribution says something else in one place."""

    class Liar(_Dealer):
        def lie(self, state: Dealt, secret: bytes) -> Document:
            return self.signed(state, *self.polynomials(secret, self._identity.consortium.threshold), **changes)

    return Liar


def deals_shares(change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> type[Node]:
    """A dealer whose list of sealed shares is not what it should be."""

    class Liar(_Dealer):
        def lie(self, state: Dealt, secret: bytes) -> Document:
            honest = self.signed(state, *self.polynomials(secret, self._identity.consortium.threshold))
            return changed(honest, shares=change(honest.shares))

    return Liar


def proves(change: Callable[[bytes], bytes]) -> type[Node]:
    """A dealer whose proof is not what an honest prover gives; the contribution names it all the same."""

    class Liar(_Dealer):
        def proof(self, state: Dealt, contribution: Contribution) -> bytes:
            return change(super().proof(state, contribution))

    return Liar


class ProofOfAnotherQuery(_Dealer):
    """A dealer that proves the same cells for another query: an answer from its past, say."""

    def proof(self, state: Dealt, contribution: Contribution) -> bytes:
        return super().proof(state, changed(contribution, query_id="11" * 32))


class ProofOfAnotherHospital(_Dealer):
    """A dealer that proves the same cells in another hospital's name."""

    def proof(self, state: Dealt, contribution: Contribution) -> bytes:
        return super().proof(state, changed(contribution, hospital=3))


class ProofExchanged(_Dealer):
    """A dealer that sends other proof bytes than its contribution names."""

    def with_proof(self, state: Dealt, contribution: Contribution, proof: bytes, shares: Sequence[bytes]) -> Deal:
        return changed(super().with_proof(state, contribution, proof, shares), proof=flipped(proof).hex())


class OtherCells(_Dealer):
    """A dealer that deals one more than its table gives, with a good proof of what the table gives."""

    def lie(self, state: Dealt, secret: bytes) -> Document:
        return super().lie(state, wrong_value(secret))

    def proof(self, state: Dealt, contribution: Contribution) -> bytes:
        # The kernel does not prove what is not so. The chunk's commitment is exchanged, so that the sum is right.
        honest = super().proof(state, contribution)
        (only,) = self._cells
        return prover.commit_outputs((only.values[0] + 1, *only.values[1:]), only.blinding) + honest[POINT_BYTES:]


class OtherTable(_Dealer):
    """A dealer that answers from rows that it did not register, with a good proof about those."""

    rows: ClassVar[Callable[[EncodedChunk], EncodedChunk]]

    def _deal(self, state: Dealt) -> Document:
        table = self._datasets.table(state.decided.decision.root or "")
        self._table = replace(table, chunks=lambda: map(type(self).rows, table.chunks()))
        self._cells = compute_chunks(state.offered.plan, self._table)
        return self.lie(state, deal.total(self._cells))


def flipped(data: bytes, position: int = 0) -> bytes:
    """The bytes with one bit changed."""
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


class Nonsense(_Dealer):
    """A dealer that signs another document than a deal."""

    def lie(self, state: Dealt, secret: bytes) -> Document:
        return Verdict(offer=state.offered.offer.digest, decisions=state.decisions.digest, checks=())


def says(kind: type[Session | Endorsed], change: Callable[[Node, Any, Any], Document]) -> type[Node]:
    """A node that changes what it would honestly say in one state."""

    class Liar(Node):
        def _answer(self, state: Session | Endorsed) -> Document:
            honest = super()._answer(state)
            return change(self, state, honest) if isinstance(state, kind) else honest

    return Liar


def complains(dealer: int, key: Callable[[Checked], str]) -> type[Node]:
    """A member that complains about a good share of `dealer`, revealing `key`."""

    def change(_: Node, state: Checked, verdict: Verdict) -> Verdict:
        checks = tuple(changed(check, complaint=key(state)) if check.dealer == dealer else check for check in verdict.checks)
        return changed(verdict, checks=checks)

    return says(Checked, change)


def cites(dealer: int) -> type[Node]:
    """A member that cites a deal that `dealer` never made."""

    def change(_: Node, state: Checked, verdict: Verdict) -> Verdict:
        checks = tuple(
            changed(check, deal=secrets.token_hex(32)) if check.dealer == dealer else check for check in verdict.checks
        )
        return changed(verdict, checks=checks)

    return says(Checked, change)


def freezes(change: Callable[[Freeze], Freeze]) -> type[Node]:
    """A member that signs another set."""
    return says(Frozen, lambda _node, _state, freeze: change(freeze))


def opens(change: Callable[[Opened], bytes]) -> type[Node]:
    """A member that sends another sum of shares to everybody."""

    def lie(node: Node, state: Opened, honest: Opening) -> Opening:
        return reseal(node, state, change(state))

    return says(Opened, lie)


def reseal(node: Node, state: Opened, vector: bytes) -> Opening:
    identity, offer = node._identity, state.offered.offer
    decisions = state.frozen.checked.dealt.decisions.by_member
    sealed = [""] * identity.consortium.size
    for receiver in state.receivers:
        info = seal_info(identity.consortium.digest, offer.query_id, Round.OPEN, identity.index, receiver)
        sealed[receiver - 1] = seal(vector, decisions[receiver].keys[identity.index - 1], info).hex()
    return Opening(freeze=state.frozen.freeze.digest, shares=tuple(sealed))


class Slanderer(Node):
    """A member that accuses an honest one in its endorsement."""

    victim: ClassVar[int] = 1

    def _answer(self, state: Session | Endorsed) -> Document:
        honest = super()._answer(state)
        if isinstance(state, Endorsed):
            return changed(honest, accused=(LeftOut(hospital=self.victim, reason="share-sum-invalid"),))
        return honest
