"""The object store in numbers: how much of what."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from chalicelib.core.storage import Storage

MOST_COUNTED = 10_000  # Ten questions to S3; beyond, the counts are of those that came first.


@dataclass
class KindFigures:
    """One kind of objects: what stands behind the tenant in their keys."""

    name: str
    objects: int = 0
    size_bytes: int = 0
    newest: datetime | None = None


@dataclass(frozen=True)
class StorageFigures:
    """The store in numbers.

    Attributes:
        kinds: Most bytes first.
        tenants: Whose objects they are: how many tenants.
        is_all: Whether there are no more objects than were counted.
    """

    kinds: list[KindFigures]
    tenants: int
    is_all: bool

    @property
    def objects(self) -> int:
        """How many."""
        return sum(kind.objects for kind in self.kinds)

    @property
    def size_bytes(self) -> int:
        """How large."""
        return sum(kind.size_bytes for kind in self.kinds)


def storage_figures(store: Storage, most: int = MOST_COUNTED) -> StorageFigures:
    """Count the objects of all tenants by their kind.

    Raises:
        StorageUnavailable: The store does not answer.
    """
    kinds: dict[str, KindFigures] = {}
    tenants, counted = set(), 0
    listed = store.list("")
    for counted, found in enumerate(islice(listed, most), start=1):  # noqa: B007
        tenant, _, rest = found.key.partition("/")
        tenants.add(tenant)
        name = rest.partition("/")[0]
        kind = kinds.setdefault(name, KindFigures(name))
        kind.objects += 1
        kind.size_bytes += found.size_bytes
        kind.newest = max(kind.newest or found.modified, found.modified)
    is_all = counted < most or next(listed, None) is None
    return StorageFigures(sorted(kinds.values(), key=lambda k: -k.size_bytes), len(tenants), is_all)
