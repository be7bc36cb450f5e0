"""What the console is made of: each product adds its part, which those see who may use it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.settings import HOUSE

Tone = Literal["neutro", "bom", "atencao", "critico"]


@dataclass(frozen=True)
class Link:
    """An entry of the navigation.

    Attributes:
        text: What it is called.
        path: Where it leads; also what is marked as the current page below it.
        allow: Who sees it, besides admins; everybody of the section when empty.
    """

    text: str
    path: str
    allow: Collection[Role] = ()


@dataclass(frozen=True)
class Attention:
    """Something of a product that somebody should look at today.

    Attributes:
        value: A number or a word, shown large.
        text: What it is.
        path: Where to deal with it; empty where no page does.
        action: What one does there.
        tone: How urgent it is.
        detail: One more line.
    """

    value: str
    text: str
    path: str = ""
    action: str = ""
    tone: Tone = "neutro"
    detail: str = ""


URGENT: tuple[Tone, ...] = ("critico", "atencao")


def is_pressing(found: Attention) -> bool:
    """Whether somebody should do something about it."""
    return found.tone in URGENT


def urgency(found: Attention) -> int:
    """Where it stands among others; what is equally urgent keeps its order."""
    return URGENT.index(found.tone) if is_pressing(found) else len(URGENT)


@dataclass(frozen=True)
class ServedModel:
    """A model of a product, and what of it is served.

    Attributes:
        name: What people call it.
        path: Its page.
        version: Which one answers; None where none does yet.
        age_days: How old that version is.
        state: How it is doing, in a word; empty where only `watched_at` says so.
        tone: How urgent that is.
        detail: Why that is said.
        watched_at: Where it is said how it is doing, if elsewhere.
    """

    name: str
    path: str
    version: int | None = None
    age_days: float | None = None
    state: str = ""
    tone: Tone = "neutro"
    detail: str = ""
    watched_at: str = ""


@dataclass(frozen=True)
class ServedModels:
    """A product's models that somebody may see: the newest ones, and how many there are in all."""

    found: list[ServedModel]
    total: int


LookFor = Callable[[Session, Principal, datetime], list[Attention]]
LookForModels = Callable[[Session, Principal, datetime], ServedModels]


@dataclass(frozen=True)
class Section:
    """A product's part of the console.

    Attributes:
        name: What it is called.
        order: Where it stands.
        links: Its pages in the navigation.
        allow: Who sees it, besides admins.
        tenant: Of the house, of the companies, or of both.
        attention: Finds what needs attention today.
        models: Finds what of its models is served.
    """

    name: str
    order: int
    links: tuple[Link, ...]
    allow: Collection[Role]
    tenant: Literal["casa", "empresa", "todos"] = "casa"
    attention: LookFor | None = None
    models: LookForModels | None = None

    def is_for(self, principal: Principal) -> bool:
        """Whether somebody may use it."""
        side = "casa" if principal.tenant == HOUSE else "empresa"
        return self.tenant in (side, "todos") and _may(self.allow, principal)

    def links_for(self, principal: Principal) -> list[Link]:
        """The pages that somebody may open."""
        return [link for link in self.links if not link.allow or _may(link.allow, principal)]


_sections: dict[str, Section] = {}


def show_sections(*sections: Section) -> None:
    """Say what the console is made of; the composition root does so."""
    _sections.update({section.name: section for section in sections})


def sections_for(principal: Principal) -> Iterator[Section]:
    """The parts that somebody may use, in their order."""
    for section in sorted(_sections.values(), key=lambda each: each.order):
        if section.is_for(principal):
            yield section


def _may(allow: Collection[Role], principal: Principal) -> bool:
    return principal.role is Role.ADMIN or principal.role in allow
