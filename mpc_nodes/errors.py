"""Errors of a hospital node, and the reasons for which a hospital is left out or blamed (docs/spec/06-rounds.md).

A reason is an error code too, so that it has one meaning and one page, whether a node raises it or a result cites it.
"""

from protocol.errors import Kind, ProofwardError

# --- the hospital's policy ---------------------------------------------------------------------------------------------


class PolicyInvalid(ProofwardError):
    """`policy.toml` cannot be read or has a wrong key; `where` is the key path."""

    code = "policy-invalid"
    kind = Kind.INVALID


class PolicyBuyer(ProofwardError):
    """No rule of the policy allows this buyer."""

    code = "policy-buyer"
    kind = Kind.DENIED


class PolicyPurpose(ProofwardError):
    """No rule allows this buyer this purpose."""

    code = "policy-purpose"
    kind = Kind.DENIED


class PolicyDataset(ProofwardError):
    """No rule allows this buyer and purpose this dataset."""

    code = "policy-dataset"
    kind = Kind.DENIED


class PolicyPublication(ProofwardError):
    """No rule allows publishing the answer in the way that the offer says."""

    code = "policy-publication"
    kind = Kind.DENIED


class PolicyColumn(ProofwardError):
    """The query reads a column that no rule allows."""

    code = "policy-column"
    kind = Kind.DENIED


class PolicyAggregate(ProofwardError):
    """The query uses an aggregate that no rule allows."""

    code = "policy-aggregate"
    kind = Kind.DENIED


class PolicyCells(ProofwardError):
    """The answer has more cells than the policy allows."""

    code = "policy-cells"
    kind = Kind.DENIED


class PolicyRate(ProofwardError):
    """The buyer has used its queries of the last 24 hours."""

    code = "policy-rate"
    kind = Kind.DENIED


# --- the offer ---------------------------------------------------------------------------------------------------------


class ConsortiumDiffers(ProofwardError):
    """The other side belongs to another consortium: other members, keys, threshold or protocol version."""

    code = "consortium-differs"
    kind = Kind.REFUSED


class OfferExpired(ProofwardError):
    """The time in which the query may be answered is over."""

    code = "offer-expired"
    kind = Kind.CONFLICT


class OfferSchemaDiffers(ProofwardError):
    """The offer is about another schema than the one this hospital registered."""

    code = "offer-schema-differs"
    kind = Kind.REFUSED


class OfferPlanDiffers(ProofwardError):
    """This node compiles the SQL of the offer to another plan than the hub."""

    code = "offer-plan-differs"
    kind = Kind.REFUSED


# --- rounds ------------------------------------------------------------------------------------------------------------


class RoundReplayed(ProofwardError):
    """The round of this query has been answered, to a different request."""

    code = "round-replayed"
    kind = Kind.CONFLICT


class RoundOutOfOrder(ProofwardError):
    """The node is not in the state from which this round can be answered."""

    code = "round-out-of-order"
    kind = Kind.CONFLICT


class RoundInputsInvalid(ProofwardError):
    """The messages that came with the request are not those that the round needs."""

    code = "round-inputs-invalid"
    kind = Kind.REFUSED


class QueryUnknown(ProofwardError):
    """This node has not decided on the query."""

    code = "query-unknown"
    kind = Kind.NOT_FOUND


class NotOnCommittee(ProofwardError):
    """This member gave no one-time keys for the query, so it has no part in the later rounds."""

    code = "not-on-committee"
    kind = Kind.CONFLICT


class HospitalDeclined(ProofwardError):
    """A hospital that refused the query is asked to deal."""

    code = "hospital-declined"
    kind = Kind.DENIED


class DecisionsDiffer(ProofwardError):
    """A message is about other decisions than this node received."""

    code = "decisions-differ"
    kind = Kind.REFUSED


class ShareMissing(ProofwardError):
    """This node holds no good share of a hospital that the others would qualify."""

    code = "share-missing"
    kind = Kind.UNAVAILABLE


class TooFewHospitals(ProofwardError):
    """Fewer hospitals qualify than their policies ask for."""

    code = "too-few-hospitals"
    kind = Kind.UNAVAILABLE


class QuorumMissing(ProofwardError):
    """Too few members take part, or too few signed the same qualified set."""

    code = "quorum-missing"
    kind = Kind.UNAVAILABLE


# --- reasons for which a hospital is left out, blamed or accused ---------------------------------------------------------


class NoAnswer(ProofwardError):
    """The hospital did not answer in time, or its deal did not reach a quorum of members."""

    code = "no-answer"
    kind = Kind.UNAVAILABLE


class MessageMalformed(ProofwardError):
    """A member signed a message that is not what its round asks for."""

    code = "message-malformed"
    kind = Kind.REFUSED


class DealInvalid(ProofwardError):
    """The public part of a deal is wrong."""

    code = "deal-invalid"
    kind = Kind.REFUSED


class DealTooLarge(ProofwardError):
    """A deal is so large that the deals of all members could not be sent to a member together."""

    code = "deal-too-large"
    kind = Kind.INVALID


class ShareInvalid(ProofwardError):
    """A dealer sealed a share that does not open or does not lie on its committed polynomials."""

    code = "share-invalid"
    kind = Kind.REFUSED


class ComplaintFalse(ProofwardError):
    """A member complained about a good share, or revealed a key that is not the one it announced."""

    code = "complaint-false"
    kind = Kind.REFUSED


class Equivocation(ProofwardError):
    """A dealer signed two different deals for one query."""

    code = "equivocation"
    kind = Kind.REFUSED


class CitationInvalid(ProofwardError):
    """A member cited a deal that its dealer did not sign."""

    code = "citation-invalid"
    kind = Kind.REFUSED


class ShareSumInvalid(ProofwardError):
    """A member opened a sum of shares that does not lie on the sum of the committed polynomials."""

    code = "share-sum-invalid"
    kind = Kind.REFUSED


class SealBroken(ProofwardError):
    """A sealed share does not open with this key, or was sealed for another round, query, sender or receiver."""

    code = "seal-broken"
    kind = Kind.REFUSED


class SealKeyInvalid(ProofwardError):
    """Bytes are not an X25519 public key that can be sealed to."""

    code = "seal-key-invalid"
    kind = Kind.INVALID


# --- state -------------------------------------------------------------------------------------------------------------


class StateRolledBack(ProofwardError):
    """This node once signed something that its store does not hold: the store is older than the node."""

    code = "state-rolled-back"
    kind = Kind.CONFLICT


class LogBroken(ProofwardError):
    """The access log has a gap, a rewritten entry or a changed order; `where` is the entry."""

    code = "log-broken"
    kind = Kind.REFUSED


# --- datasets ----------------------------------------------------------------------------------------------------------


class DatasetUnknown(ProofwardError):
    """The hospital has no dataset of this name."""

    code = "dataset-unknown"
    kind = Kind.NOT_FOUND


class DatasetInactive(ProofwardError):
    """The dataset is registered, but its root is not on chain yet or it is not valid yet."""

    code = "dataset-inactive"
    kind = Kind.CONFLICT


class DatasetEpoch(ProofwardError):
    """The epoch is not greater than every epoch of this dataset that was registered before."""

    code = "dataset-epoch"
    kind = Kind.CONFLICT


class DatasetNotAdmitted(ProofwardError):
    """This node has not verified the evidence about a table that a deal rests on, so it cannot judge the deal."""

    code = "dataset-not-admitted"
    kind = Kind.UNAVAILABLE


class SnapshotDamaged(ProofwardError):
    """The encoded snapshot of a dataset is missing or is not the one that was committed."""

    code = "snapshot-damaged"
    kind = Kind.REFUSED
