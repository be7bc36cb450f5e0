"""The page of fairness: how orders fared by the groups of a column that no decision looks at."""

from pydantic import field_validator
from sqlalchemy.orm import Session

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.queries import FormQuery
from chalicelib.console.trail import as_local
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.web import Routes
from chalicelib.credit import service_fairness, service_policies
from chalicelib.credit.errors import ColunaNaoSensivel
from chalicelib.credit.policy import ColumnName
from chalicelib.credit.schemas_fairness import EquidadeOut, EquidadeQuery

PATH = "/console/credito/equidade"
SHARES = (
    ("aprovacao", "Aprovados, de todos"),
    ("aprovacao_dos_bons", "Aprovados, dos que pagaram"),
    ("aprovacao_dos_ruins", "Aprovados, dos que não pagaram"),
)
"""What is compared between groups, and what it is called."""

fairness_pages = Routes(__name__)


class FairnessQuery(EquidadeQuery, FormQuery):
    """The column and the period as a form sends them; the first column when none is chosen."""

    coluna: ColumnName | None = None  # type: ignore[assignment]  # Until it is chosen here.

    @field_validator("desde", "ate", mode="before")
    @classmethod
    def _local(cls, value: object) -> object:
        return as_local(value)


@fairness_pages.route(PATH, methods=["GET"])
@page(
    fairness_pages,
    query=FairnessQuery,
    allow=Role.EMPRESA,
    companies_only=True,
    raises=(ColunaNaoSensivel,),
    autocommit=True,
)
def get_fairness(session: Session, visit: Visit, query: FairnessQuery) -> Shown:
    """How orders fared by the groups of a sensitive column."""
    tenant = visit.who.tenant
    current, _ = service_policies.describe_policy(session, tenant)
    columns = current.politica.sensiveis
    chosen = query.coluna or next(iter(columns), None)
    found = None
    if chosen is not None:
        asked = EquidadeQuery(coluna=chosen, desde=query.desde, ate=query.ate)
        found = service_fairness.fairness(session, tenant, asked)
    return Shown(
        "credit/fairness.html",
        columns=columns,
        chosen=chosen,
        found=found,
        shares=SHARES,
        measured=_measured(found) if found else [],
    )


def _measured(found: EquidadeOut) -> list[str]:
    """The shares that at least one group has orders enough for."""
    return [name for name, _ in SHARES if any(getattr(each, name) for each in found.grupos)]
