"""A decision made again from what was stored with it, compared field by field."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.credit.assessments import Assessment, SemModelo, assess
from chalicelib.credit.cases import Case
from chalicelib.credit.errors import PedidoNotFound
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.credit.policy import Politica
from chalicelib.credit.schemas_orders import CampoReplayOut, ReplayOut
from chalicelib.credit.service_policies import policy_of_version
from chalicelib.credit.tables_decisions import Decisao
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.versions import UNLOADABLE

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

TOLERANCE = 1e-9
WORDS = frozenset(("texto", "rotulo", "motivo"))
"""How things are said, which may get better from one release to the next; the rest is compared."""

FIELDS = (
    "decisao",
    "origem",
    "regra",
    "regras",
    "limiares",
    "probabilidade",
    "valor_base",
    "justificativas",
    "contrafactual",
    "avisos",
)


def replay(session: Session, tenant: str, pedido_id: int) -> ReplayOut:
    """Make a decision again.

    Raises:
        PedidoNotFound: No order was decided under this id.
        ServiceUnavailable: The store does not answer.
    """
    row = session.scalar(
        select(Decisao).where(Decisao.tenant == tenant, Decisao.pedido_id == pedido_id)
    )
    if row is None:
        raise PedidoNotFound
    missing: list[str] = []
    policy = policy_of_version(session, tenant, row.politica_versao)
    if policy is None:
        missing.append(f"política {row.politica_versao}")
    model = _model(session, row, missing)
    fields = [] if missing or policy is None else _compared(row, policy, model)
    return ReplayOut(
        pedido_id=pedido_id,
        igual=bool(fields) and all(field.igual for field in fields),
        politica_versao=row.politica_versao,
        modelo_versao=row.modelo_versao,
        modelo_sha256=row.modelo_sha256,
        campos=fields,
        indisponivel=missing,
    )


def _model(session: Session, row: Decisao, missing: list[str]) -> "ServedModel | None":
    """The model that decided, if it is still the same; what is not there is noted."""
    if row.modelo_versao is None:
        return None
    try:
        model = credit_model(session, credit_model_name(row.tenant), row.modelo_versao)
    except (*UNLOADABLE, ModelVersionNotFound):
        missing.append(f"modelo {row.modelo_versao}")
        return None
    if model.metadata["onnx_sha256"] != row.modelo_sha256:
        missing.append(f"modelo {row.modelo_versao} com o digest {row.modelo_sha256}")
    return model


def _compared(row: Decisao, policy: Politica, model: "ServedModel | None") -> list[CampoReplayOut]:
    absent = None if model is not None else _why_absent(row)
    again = stored_form(assess(Case.from_json(row.entradas["caso"]), policy, model, absent))
    return [
        CampoReplayOut(
            campo=name,
            igual=is_same(getattr(row, name), again[name]),
            gravado=getattr(row, name),
            recalculado=again[name],
        )
        for name in FIELDS
    ]


def _why_absent(row: Decisao) -> SemModelo:
    """Why no model answered then, as the decision says."""
    kinds = {aviso["tipo"] for aviso in row.avisos}
    return next(reason for reason in SemModelo if reason.value in kinds)


def stored_form(found: Assessment) -> dict[str, Any]:
    """What was found, as the decision's columns hold it."""
    return {
        "decisao": found.verdict.decisao.value,
        "origem": found.verdict.origem.value,
        "regra": found.verdict.regra,
        "regras": found.regras,
        "limiares": None if found.limiares is None else found.limiares.model_dump(mode="json"),
        "probabilidade": found.probabilidade,
        "valor_base": found.valor_base,
        "justificativas": found.justificativas,
        "contrafactual": found.contrafactual,
        "avisos": found.avisos,
    }


def is_same(stored: Any, again: Any) -> bool:
    """Whether two JSON values say the same, numbers within `TOLERANCE`, in whatever `WORDS`."""
    if isinstance(stored, dict) and isinstance(again, dict):
        return stored.keys() == again.keys() and all(
            is_same(stored[k], again[k]) for k in stored if k not in WORDS
        )
    if isinstance(stored, list) and isinstance(again, list):
        return len(stored) == len(again) and all(map(is_same, stored, again))
    if _is_number(stored) and _is_number(again):
        return abs(float(stored) - float(again)) <= TOLERANCE
    return type(stored) is type(again) and bool(stored == again)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
