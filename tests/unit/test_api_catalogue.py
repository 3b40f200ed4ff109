"""The hub's view of what is registered: one table a name, and what happens when a hospital means another one."""

from pathlib import Path

import pytest

from api.catalogue import Catalogue
from api.errors import SchemaDisagreement
from circuits.schema import Schema
from mpc_nodes.hub_store import HubStore
from tests.simulation.direct import SCHEMA, Rows
from tests.unit.api_support import Ground, make_ground


def registered(ground: Ground, index: int, schema: Schema) -> None:
    """A new epoch of one hospital's table, with another schema."""
    hospital = ground.world.hospitals[index]
    signed = ground.world.register(index, Rows(ground.world.tables[index - 1]), schema)
    HubStore(ground.engine).add_registration(signed, hospital.datasets.package(signed.registration.root), ground.clock.now())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "months"}, "column age has another unit: 'months' instead of ''"),
        ({"max": 130}, "column age has another max: '130' instead of '120'"),
    ],
)
def test_another_unit_or_domain_is_refused_and_named_never_converted(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    ground = make_ground(tmp_path)
    catalogue = Catalogue(HubStore(ground.engine))
    assert catalogue.dataset("survey").schema == SCHEMA
    columns = [type(column)(**column.model_dump() | changes) if column.name == "age" else column for column in SCHEMA.columns]
    registered(ground, 3, Schema(name=SCHEMA.name, title=SCHEMA.title, columns=tuple(columns)))
    for ask in (lambda: catalogue.dataset("survey"), lambda: catalogue.compile("SELECT AVG(age) FROM survey")):
        with pytest.raises(SchemaDisagreement) as caught:
            ask()
        assert caught.value.where == f"member 3, compared with member 1: {said}"
    registered(ground, 3, SCHEMA)
    assert catalogue.dataset("survey").schema == SCHEMA
    ground.close()
