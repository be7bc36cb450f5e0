"""Deciding on an order, in one transaction of four statements.

1. The order is added, and the row of its cliente locked, until the commit: whoever decides on
   another order of theirs meanwhile waits, and then sees this one's use of the limit.
2. What came with it is added: a statement for each, mostly none.
3. What is known is read: the same features as in training, the exposure, policy and model.
4. The decision is kept, with all that it was made of; and put on the trail.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.statements import HotStatement
from chalicelib.credit.assessments import Assessment, SemModelo, assess, usable
from chalicelib.credit.cases import Case
from chalicelib.credit.errors import EmpresaNotFound, PedidoRepetido
from chalicelib.credit.features import OF_ORDERS
from chalicelib.credit.inline_items import add_item
from chalicelib.credit.intake import NewOrder
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.credit.policy import Politica, read_policy
from chalicelib.credit.schemas_orders import PedidoOut
from chalicelib.credit.service_policies import kept_policy
from chalicelib.ml.registry import Alias
from chalicelib.ml.versions import UNLOADABLE

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

log = logging.getLogger("previsto.credit")

# The row of the cliente is locked whether it is new or not, and written only when it is new. The
# statements behind this one have younger snapshots: they see what its last holder has committed.
ARRIVE = HotStatement("""
WITH conta AS (
    INSERT INTO credito_contas (tenant, cliente) VALUES (:tenant, :cliente)
    ON CONFLICT (tenant, cliente) DO UPDATE SET cliente = excluded.cliente WHERE false
), acervo AS (
    SELECT id FROM credito_datasets WHERE tenant = :tenant AND acervo
), pedido AS (
    INSERT INTO credito_pedidos (tenant, dataset_id, numero, cliente, valor, pedido_em, atributos)
    SELECT :tenant, acervo.id, :numero, :cliente, cast(:valor AS numeric), :em,
        cast(:atributos AS jsonb)
    FROM acervo
    ON CONFLICT (tenant, dataset_id, numero) DO NOTHING
    RETURNING id
)
SELECT acervo.id AS acervo, (SELECT id FROM pedido) AS pedido_id FROM acervo
""")

DECIDED_BEFORE = HotStatement("""
SELECT o.id, d.id AS decisao_id FROM credito_pedidos o
LEFT JOIN credito_decisoes d ON d.pedido_id = o.id
WHERE o.tenant = :tenant AND o.dataset_id = cast(:acervo AS uuid) AND o.numero = :numero
""")

# What is approved counts until it is paid for, or was not invoiced after all; where the policy says
# so, for so many days after it was invoiced.
KNOW = HotStatement(f"""
SELECT f.*, cast(coalesce(f.limite_utilizado, 0) + e.aprovado AS numeric(18, 2)) AS exposicao,
    po.versao AS politica_versao, po.conteudo AS politica, ch.version AS modelo_versao
FROM ({OF_ORDERS}) f
LEFT JOIN LATERAL (
    SELECT versao, conteudo FROM credito_politicas
    WHERE tenant = :tenant ORDER BY versao DESC LIMIT 1
) po ON true
CROSS JOIN LATERAL (
    SELECT coalesce(sum(o.valor), 0) AS aprovado
    FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
    WHERE d.tenant = :tenant AND d.cliente = f.cliente AND d.situacao = 'aprovado'
        AND (f.limite_utilizado IS NULL OR d.decidido_em >= f.utilizado_desde)
        AND coalesce(o.desfecho, '') NOT IN ('pago', 'bloqueado') AND o.id <> f.id
        AND NOT coalesce(o.desfecho = 'faturado' AND coalesce(o.desfecho_em, d.decidido_em)
            < cast(:now AS timestamptz) - make_interval(days =>
                (po.conteudo #>> '{{regras,limite,faturado_usa_por_dias}}')::int), false)
) e
LEFT JOIN model_aliases ch
    ON ch.tenant = :tenant AND ch.model = :model AND ch.alias = '{Alias.CHAMPION.value}'
""")

KEEP = HotStatement("""
INSERT INTO credito_decisoes (
    tenant, pedido_id, cliente, decisao, situacao, origem, regra, regras, limiares, probabilidade,
    politica_versao, modelo_versao, modelo_sha256, entradas, sensiveis, justificativas,
    contrafactual, avisos, valor_base, decidido_em, decidido_por, lote_id
) VALUES (
    :tenant, :pedido_id, :cliente, :decisao, :decisao, :origem, :regra, cast(:regras AS jsonb),
    cast(:limiares AS jsonb), :probabilidade, :politica_versao, :modelo_versao, :modelo_sha256,
    cast(:entradas AS jsonb), cast(:sensiveis AS jsonb), cast(:justificativas AS jsonb),
    cast(:contrafactual AS jsonb), cast(:avisos AS jsonb), :valor_base, :decidido_em,
    :decidido_por, cast(:lote_id AS uuid)
) RETURNING id
""")

BEFORE_ANYBODY_SPOKE: dict[str, Any] = {
    "desfecho": None,
    "desfecho_em": None,
    "revisoes": [],
    "desfechos": [],
}


@dataclass(frozen=True)
class Sender:
    """Whose order it is, who sent it, and in which lot.

    Attributes:
        tenant: The company.
        subject: Who sent it.
        lote_id: The lot it came in, if it did.
        prefix: What addresses in the API begin with, where it is deployed.
    """

    tenant: str
    subject: str
    lote_id: UUID | None = None
    prefix: str = ""


def decide_order(session: Session, sender: Sender, order: NewOrder, now: datetime) -> "Decided":
    """Decide on an order, and keep the decision.

    Raises:
        PedidoRepetido: An order of this number is known; `Location` says where.
        ServiceUnavailable: The model cannot be read just now.
    """
    acervo, pedido_id = _arrive(session, sender, order)
    for tipo, values in order.items.items():
        add_item(session, sender.tenant, acervo, tipo, values)
    known = KNOW.one_or_none(
        session,
        tenant=sender.tenant,
        dataset=acervo,
        pedidos=[pedido_id],
        now=now,
        model=credit_model_name(sender.tenant).model,
    )._asdict()
    if known["politica_versao"] is None:
        versao, policy = kept_policy(session, sender.tenant)
    else:
        versao, policy = known["politica_versao"], read_policy(known["politica"])
    model, absent = model_in_use(session, sender.tenant, known["modelo_versao"], policy)
    case, sensitive = Case.of_row(known, order.as_of, order.valor).without(policy.sensiveis)
    found = assess(case, policy, model, absent)
    decided = Decided(sender, order, pedido_id, versao, case, sensitive, model, found, now)
    _keep(session, decided)
    _audit(session, decided)
    return decided


def model_in_use(
    session: Session, tenant: str, version: int | None, policy: Politica
) -> tuple["ServedModel | None", SemModelo | None]:
    """The model that may answer under a policy, or why there is none.

    Raises:
        ServiceUnavailable: The store does not answer; another try may find the model.
    """
    if version is None:
        return None, SemModelo.NENHUM
    try:
        model = credit_model(session, credit_model_name(tenant), version)
    except UNLOADABLE:
        log.exception("model cannot be used", extra={"tenant": tenant, "version": version})
        return None, SemModelo.INUTILIZAVEL
    absent = usable(model, policy)
    return (model, None) if absent is None else (None, absent)


def _arrive(session: Session, sender: Sender, order: NewOrder) -> tuple[UUID, int]:
    arrived = ARRIVE.one_or_none(
        session,
        tenant=sender.tenant,
        numero=order.numero,
        cliente=order.cliente,
        valor=str(order.valor),
        em=order.as_of,
        atributos=json.dumps(order.atributos),
    )
    if arrived is None:
        raise EmpresaNotFound
    if arrived.pedido_id is None:
        before = DECIDED_BEFORE.one_or_none(
            session, tenant=sender.tenant, acervo=arrived.acervo, numero=order.numero
        )
        if before is None or before.decisao_id is None:
            raise PedidoRepetido("An order of this number is in the acervo, with its history.")
        raise PedidoRepetido(headers={"Location": f"{sender.prefix}/credito/pedidos/{before.id}"})
    return arrived.acervo, arrived.pedido_id


@dataclass(frozen=True)
class Decided:
    """A decision, with all that it was made of.

    Attributes:
        sender: Who sent the order.
        order: As it came.
        pedido_id: The order's id.
        politica_versao: Of the policy.
        case: What was known, without what is sensitive.
        sensitive: Columns that nothing looked at, and their values.
        model: The one in use; None without one.
        assessment: What is said.
        em: When.
    """

    sender: Sender
    order: NewOrder
    pedido_id: int
    politica_versao: int
    case: Case
    sensitive: dict[str, Any]
    model: "ServedModel | None"
    assessment: Assessment
    em: datetime

    @property
    def columns(self) -> dict[str, Any]:
        """What the row of the decision holds as it is."""
        said, known = self.assessment, {} if self.model is None else self.model.metadata
        return {
            "pedido_id": self.pedido_id,
            "cliente": self.order.cliente,
            "decisao": said.verdict.decisao.value,
            "origem": said.verdict.origem.value,
            "regra": said.verdict.regra,
            "probabilidade": said.probabilidade,
            "valor_base": said.valor_base,
            "politica_versao": self.politica_versao,
            "modelo_versao": known.get("version"),
            "modelo_sha256": known.get("onnx_sha256"),
            "decidido_em": self.em,
            "decidido_por": self.sender.subject,
            "lote_id": self.sender.lote_id,
        }

    @property
    def documents(self) -> dict[str, Any]:
        """What the row holds as JSON, and an answer repeats."""
        said = self.assessment
        return {
            "regras": said.regras,
            "limiares": None if said.limiares is None else said.limiares.model_dump(mode="json"),
            "justificativas": said.justificativas,
            "contrafactual": said.contrafactual,
            "avisos": said.avisos,
        }

    def answer(self) -> PedidoOut:
        """The decision as `describe_order` reads it back, without asking the database again."""
        return PedidoOut.model_validate(
            {
                **self.columns,
                **self.documents,
                "id": self.pedido_id,
                "numero": self.order.numero,
                "valor": self.order.valor,
                "pedido_em": self.order.as_of,
                "situacao": self.assessment.verdict.decisao,
                "exposicao": self.case.exposicao,
                "limite": self.case.limite,
                **BEFORE_ANYBODY_SPOKE,
            }
        )


def _keep(session: Session, decided: Decided) -> None:
    model = decided.model
    inputs = {
        "caso": decided.case.to_json(),
        "limiar_do_modelo": None if model is None else model.metadata.get("limiar"),
    }
    documents = {**decided.documents, "entradas": inputs, "sensiveis": decided.sensitive}
    written = {
        name: None if content is None else json.dumps(content)
        for name, content in documents.items()
    }
    KEEP.all(session, tenant=decided.sender.tenant, **decided.columns, **written)


def _audit(session: Session, decided: Decided) -> None:
    columns = decided.columns
    audit.record(
        session,
        tenant=decided.sender.tenant,
        ator=decided.sender.subject,
        acao="pedido.decidido",
        objeto=f"pedido:{decided.pedido_id}",
        decisao=columns["decisao"],
        origem=columns["origem"],
        regra=columns["regra"],
        politica=decided.politica_versao,
        modelo=columns["modelo_versao"],
        modelo_sha256=columns["modelo_sha256"],
    )
