"""The datasets that can be queried, with their schemas. Row counts stay hidden; only padded sizes exist."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.authorize import GuardedRoute
from api.catalogue import Dataset
from api.errors import DatasetNotFound, SchemaDisagreement
from api.problems import documented
from api.services import Services, services_of

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=GuardedRoute)


class DatasetSummary(BaseModel):
    """A dataset by name. `agreed` is false while hospitals have registered different schemas: it cannot be queried then."""

    name: str
    agreed: bool
    schema_hash: str | None
    title: str
    columns: int
    hospitals: list[str]


class RegisteredAt(BaseModel):
    """The latest registration of one hospital."""

    hospital: str
    epoch: int
    root: str
    valid_from: int
    chunks: int
    chunk_rows: int = Field(description="rows of a chunk, padding included")


class RegisteredRule(BaseModel):
    """A condition that no row of any registered table breaks, as its admission proves."""

    name: str
    check: str = Field(description="as CHECK in SQL: a row breaks it only where it is false")


class DatasetDetail(DatasetSummary):
    """A dataset with its schema."""

    table_schema: dict[str, Any]
    rules: list[RegisteredRule]
    registrations: list[RegisteredAt]


class Datasets(BaseModel):
    """All datasets, by name."""

    datasets: list[DatasetSummary]


@router.get("")
def list_datasets(request: Request) -> Datasets:
    """All registered datasets."""
    services = services_of(request)
    summaries = []
    for name in services.catalogue.names():
        try:
            dataset = services.catalogue.dataset(name)
        except SchemaDisagreement:
            summaries.append(DatasetSummary(name=name, agreed=False, schema_hash=None, title="", columns=0, hospitals=[]))
            continue
        summaries.append(DatasetSummary(**_summary(services, dataset)))
    return Datasets(datasets=summaries)


@router.get("/{name}", responses=documented(DatasetNotFound, SchemaDisagreement))
def get_dataset(request: Request, name: str) -> DatasetDetail:
    """One dataset, with the schema that queries are written against."""
    services = services_of(request)
    if name not in services.catalogue.names():
        raise DatasetNotFound("no hospital has registered a dataset of this name")
    dataset = services.catalogue.dataset(name)
    consortium = services.trust.consortium
    return DatasetDetail(
        **_summary(services, dataset),
        table_schema=dataset.registrations[0].table_schema,
        rules=[RegisteredRule(name=check.name, check=check.text) for check in dataset.schema.checks],
        registrations=[
            RegisteredAt(
                hospital=consortium.member(registration.hospital).name,
                epoch=registration.epoch,
                root=registration.root,
                valid_from=registration.valid_from,
                chunks=registration.chunks,
                chunk_rows=registration.chunk_rows,
            )
            for registration in dataset.registrations
        ],
    )


def _summary(services: Services, dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "agreed": True,
        "schema_hash": dataset.schema.hash,
        "title": dataset.schema.title,
        "columns": len(dataset.schema.columns),
        "hospitals": dataset.hospitals(services.trust.consortium),
    }
