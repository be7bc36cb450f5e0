"""Under which headings the documentation shows the operations."""

import sys
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, order=True)
class Group:
    """The operations that the documentation shows together: those of one module of routes.

    Attributes:
        name: The product, and what of it: `books`, `books · ml`.
        about: What the module says of itself, in a sentence.
    """

    name: str
    about: str

    @classmethod
    def of(cls, module: str) -> Self:
        """The group of a module such as `chalicelib.books.routes_ml`."""
        product, file = module.split(".")[-2:]
        part = file.removeprefix("routes").strip("_")
        name = product if part in ("", product) else f"{product} · {part.replace('_', ' ')}"
        about = (sys.modules[module].__doc__ or "").strip().partition("\n")[0]
        return cls(name, about)
