"""The routes, one file a resource. Each row of `api.authorize.ACCESS` has one function here, and the other way round."""

import re
from typing import Final

_HEX32: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_hex32(text: str) -> bool:
    """Whether a path parameter can be a digest or a query id at all; nothing else reaches the database."""
    return _HEX32.fullmatch(text) is not None
