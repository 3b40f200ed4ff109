"""Errors of schemas, encoding, queries and plans. Pages: `docs/errors/<code>.md`."""

from protocol.errors import Kind, ProofwardError


class SchemaInvalid(ProofwardError):
    """`schema.toml` does not describe a table; `where` is the key path, for example `columns[2].min`."""

    code = "schema-invalid"
    kind = Kind.INVALID


class ValueRefused(ProofwardError):
    """A field of the table is outside its declared domain; `where` is file, row and column, never the value."""

    code = "data-value-refused"
    kind = Kind.INVALID


class QuerySyntax(ProofwardError):
    """The text is not SQL."""

    code = "query-syntax"
    kind = Kind.INVALID


class QueryTooLarge(ProofwardError):
    """The text is longer, deeper or has more parts than a query may have."""

    code = "query-too-large"
    kind = Kind.INVALID


class QueryUnsupported(ProofwardError):
    """SQL that Proofward does not run; the hint names the nearest thing that it does."""

    code = "query-unsupported"
    kind = Kind.INVALID


class QueryUnknownName(ProofwardError):
    """A column or dataset that the schema does not have."""

    code = "query-unknown-name"
    kind = Kind.INVALID


class QueryType(ProofwardError):
    """A literal or an aggregate does not fit the type of its column."""

    code = "query-type"
    kind = Kind.INVALID


class PlanTooComplex(ProofwardError):
    """The query is well formed but its proof would need more factors, terms or cells than the protocol carries."""

    code = "plan-too-complex"
    kind = Kind.INVALID


class RoundsInvalid(ProofwardError):
    """A round of a query does not follow from the rounds before it."""

    code = "rounds-invalid"
    kind = Kind.REFUSED


class CellsMismatch(ProofwardError):
    """The opened cells or the chunks do not belong to the plan they are used with."""

    code = "plan-cells-mismatch"
    kind = Kind.REFUSED
