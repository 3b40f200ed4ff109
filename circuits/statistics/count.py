"""COUNT(*) and COUNT(c): the cell itself."""

from typing import Final

from circuits.statistics.roles import Moments, Role

NEEDS: Final = (Role.COUNT,)


def finish(moments: Moments) -> int:
    """The number of rows; 0 for no rows."""
    return moments.count
