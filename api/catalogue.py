"""The datasets on offer: what the hospitals registered, as one table with one schema a dataset name."""

from dataclasses import dataclass

from api.errors import DatasetNotFound, SchemaDisagreement
from circuits.errors import QueryUnknownName
from circuits.offered import compile_sql
from circuits.plan import Plan
from circuits.registered_schema import read_schema
from circuits.schema import Schema
from circuits.schema_difference import difference
from circuits.sql import parse
from mpc_nodes.hub_store import HubStore
from protocol.consortium import Consortium
from protocol.dataset import Registration, SignedRegistration


@dataclass(frozen=True)
class Dataset:
    """The latest registration of every hospital that has the dataset, in order of hospital."""

    name: str
    schema: Schema
    registrations: tuple[Registration, ...]

    def hospitals(self, consortium: Consortium) -> list[str]:
        """Names of the hospitals that registered it."""
        return [consortium.member(registration.hospital).name for registration in self.registrations]


@dataclass(frozen=True)
class Compiled:
    """A query, compiled against the one schema of its dataset."""

    dataset: Dataset
    plan: Plan
    plan_hash: str  # computed with the plan: for a large plan it takes as long as compiling


class Catalogue:
    """A view of the registrations that the hub has stored."""

    def __init__(self, hub_store: HubStore) -> None:
        self._hub_store = hub_store

    def names(self) -> list[str]:
        """Names of all registered datasets, sorted."""
        return sorted({signed.registration.dataset for signed in self._hub_store.registrations()})

    def dataset(self, name: str) -> Dataset:
        """The dataset of this name.

        Raises:
            DatasetNotFound: nobody registered it.
            SchemaDisagreement: the latest registrations do not have one schema.
        """
        latest: dict[int, Registration] = {}
        for signed in self._hub_store.registrations():
            registration = signed.registration
            known = latest.get(registration.hospital)
            if registration.dataset == name and (known is None or known.epoch < registration.epoch):
                latest[registration.hospital] = registration
        if not latest:
            raise DatasetNotFound("no hospital has registered a dataset of this name")
        registrations = tuple(latest[hospital] for hospital in sorted(latest))
        first, *others = registrations
        schema = read_schema(first.table_schema)
        for other in others:
            if other.schema_hash != first.schema_hash:
                # Never converted: the same number in another unit, or another code, would be added up in silence.
                found = difference(schema, read_schema(other.table_schema))
                raise SchemaDisagreement(
                    f"the hospitals have registered {name} with different schemas",
                    hint="every hospital must register the schema that the others registered",
                    where=f"member {other.hospital}, compared with member {first.hospital}: {found}",
                )
        return Dataset(name, schema, registrations)

    def in_question(self, name: str, at: int) -> list[str]:
        """The roots from which hospitals answer a query submitted at `at`, Unix seconds: each one's newest that was valid."""
        newest: dict[int, Registration] = {}
        for signed in self._hub_store.registrations():
            registration = signed.registration
            if registration.dataset == name and registration.valid_from <= at:
                newest[registration.hospital] = max(
                    newest.get(registration.hospital, registration), registration, key=lambda each: each.epoch
                )
        return [newest[hospital].root for hospital in sorted(newest)]

    def registrations(self) -> list[SignedRegistration]:
        """All registrations, of all epochs, as their hospitals signed them."""
        return self._hub_store.registrations()

    def compile(self, sql: str, dataset: str | None = None) -> Compiled:
        """The plan of `sql`.

        Args:
            dataset: the dataset it is about; None finds it out from the query.

        Raises:
            DatasetNotFound, SchemaDisagreement: as `dataset`.
            QuerySyntax, QueryUnsupported, QueryUnknownName and the other errors of `circuits.sql.parse` and `compile_query`.
        """
        if dataset is None:
            dataset = self._guess(sql)
        found = self.dataset(dataset)
        plan = compile_sql(sql, found.schema)
        return Compiled(found, plan, plan.hash)

    def _guess(self, sql: str) -> str:
        # FROM can only be read by parsing, and parsing needs a schema: the dataset is the one whose schema knows the names.
        names = self.names()
        if not names:
            raise DatasetNotFound("no hospital has registered a dataset yet")
        mentioned = [name for name in names if name.lower() in sql.lower()] or names
        for name in mentioned[:-1]:
            try:
                parse(sql, self.dataset(name).schema)
            except (QueryUnknownName, SchemaDisagreement):
                continue
            return name
        return mentioned[-1]
