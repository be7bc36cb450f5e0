"""A company's policy: read, replaced, and tried on past decisions before it is."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.credit.cases import Case
from chalicelib.credit.errors import PoliticaDesatualizada
from chalicelib.credit.policy import Politica, declared_own, read_policy, thresholds
from chalicelib.credit.rules import evaluate
from chalicelib.credit.schemas_policies import (
    LONGEST_SIMULATION,
    MudancaSimuladaOut,
    PoliticaIn,
    PoliticaOut,
    SimulacaoIn,
    SimulacaoOut,
)
from chalicelib.credit.tables_decisions import Politica as PoliticaRow
from chalicelib.credit.verdicts import Situacao, verdict

DEFAULT_REASON = "Política padrão."
DEFINITION = (
    "Cada decisão é refeita com o que se sabia então: as mesmas colunas, limite e exposição e a "
    "mesma probabilidade. Pedidos que teriam sido aprovados a mais não somam à exposição dos "
    "seguintes. Decisões sem modelo só mudam por regra. Compara-se com a decisão automática, sem "
    "as revisões feitas por pessoas."
)

UNKNOWN = "Nenhum dataset encerrado tem {names}: confira como se escreve."

# A dataset's columns are described when it is closed.
SEEN = text("""
SELECT DISTINCT c ->> 'nome' FROM credito_datasets d,
    jsonb_each(d.esquema) t, jsonb_array_elements(t.value) c
WHERE d.tenant = :tenant AND c ->> 'nome' = ANY(cast(:names AS text[]))
""")
KEEP_DEFAULT = text("""
INSERT INTO credito_politicas (tenant, versao, conteudo, criada_por, motivo)
VALUES (:tenant, 1, cast(:conteudo AS jsonb), :por, :motivo)
ON CONFLICT (tenant, versao) DO NOTHING RETURNING versao
""")
PAST = text("""
SELECT d.decisao, d.probabilidade, d.entradas, d.justificativas, o.valor, o.desfecho
FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant
    AND d.decidido_em >= coalesce(cast(:desde AS timestamptz), '-infinity')
    AND d.decidido_em < coalesce(cast(:ate AS timestamptz), 'infinity')
ORDER BY d.decidido_em DESC, d.id DESC LIMIT :most
""")


def current_row(session: Session, tenant: str) -> PoliticaRow | None:
    """The newest version; None while nobody has edited the default one, nor an order met it."""
    return session.scalar(
        select(PoliticaRow)
        .where(PoliticaRow.tenant == tenant)
        .order_by(PoliticaRow.versao.desc())
        .limit(1)
    )


def kept_policy(session: Session, tenant: str) -> tuple[int, Politica]:
    """The policy in use, kept as a version: a decision names one, which must not change later."""
    row = current_row(session, tenant)
    if row is None:
        conteudo = Politica().model_dump_json()
        values = {"tenant": tenant, "por": SYSTEM, "motivo": DEFAULT_REASON}
        added = session.scalar(KEEP_DEFAULT, {**values, "conteudo": conteudo})
        if added is not None:
            audit.record(
                session,
                tenant=tenant,
                ator=SYSTEM,
                acao="politica.padrao_em_uso",
                objeto=f"politica:{added}",
            )
        row = current_row(session, tenant)
        assert row is not None  # noqa: S101  # Ours, or whoever's came first.
    return row.versao, read_policy(row.conteudo)


def policy_of_version(session: Session, tenant: str, versao: int) -> Politica | None:
    """One version; None where there is none."""
    row = session.get(PoliticaRow, (tenant, versao))
    return None if row is None else read_policy(row.conteudo)


def describe_policy(session: Session, tenant: str) -> tuple[PoliticaOut, str]:
    """The policy in use, and its entity tag."""
    found = describe(current_row(session, tenant))
    return found, _etag(found.versao)


def describe(row: PoliticaRow | None) -> PoliticaOut:
    """A version as it is shown; None is the default policy."""
    if row is None:
        return PoliticaOut(
            versao=0,
            padrao=True,
            politica=Politica(),
            motivo=DEFAULT_REASON,
            criada_em=None,
            criada_por=None,
        )
    return PoliticaOut(
        versao=row.versao,
        padrao=row.criada_por == SYSTEM,
        politica=read_policy(row.conteudo),
        motivo=row.motivo,
        criada_em=row.criada_em,
        criada_por=row.criada_por,
    )


def replace_policy(
    session: Session, principal: Principal, new: PoliticaIn, if_match: str | None
) -> tuple[PoliticaOut, str]:
    """Add the next version; earlier ones stay as they are.

    Args:
        session: The transaction.
        principal: Who changes it.
        new: The policy, and why.
        if_match: Entity tags of which the version in use must have one.

    Returns:
        The new version and its entity tag.

    Raises:
        PoliticaDesatualizada: The version in use is another.
        PoliticaMudou: Somebody adds the next version at the same time.
    """
    row = current_row(session, principal.tenant)
    before = 0 if row is None else row.versao
    if if_match is not None and not _matches(if_match, row):
        raise PoliticaDesatualizada
    added = PoliticaRow(
        tenant=principal.tenant,
        versao=before + 1,
        conteudo=new.politica.model_dump(mode="json"),
        criada_por=principal.subject,
        motivo=new.motivo,
    )
    session.add(added)
    session.flush()
    audit.record(
        session,
        tenant=principal.tenant,
        ator=principal.subject,
        acao="politica.alterada",
        objeto=f"politica:{added.versao}",
        de=before,
    )
    found = describe(added)
    found.avisos = _unknown(session, principal.tenant, new.politica)
    return found, _etag(added.versao)


def _unknown(session: Session, tenant: str, policy: Politica) -> list[str]:
    """Own columns that the policy names and no dataset has, as a notice."""
    names = declared_own(policy)
    if not names:
        return []
    seen = session.scalars(SEEN, {"tenant": tenant, "names": sorted(names)}).all()
    missing = sorted(names.difference(seen))
    return [UNKNOWN.format(names=", ".join(missing))] if missing else []


def list_policies(
    session: Session, tenant: str, query: PageQuery
) -> tuple[list[PoliticaOut], str | None, tuple[int, bool]]:
    """Every version, newest first.

    Returns:
        The versions of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(PoliticaRow).where(PoliticaRow.tenant == tenant)
    rows, cursor, total = fetch_page(session, statement, query, (PoliticaRow.versao,), (AS_ID,))
    return [describe(row) for row in rows], cursor, total


def simulate(session: Session, tenant: str, trial: SimulacaoIn) -> SimulacaoOut:
    """What a policy would have decided on past orders."""
    versao = describe(current_row(session, tenant)).versao
    period = {"desde": trial.desde, "ate": trial.ate}
    rows = session.execute(PAST, {"tenant": tenant, **period, "most": LONGEST_SIMULATION + 1}).all()
    analysed = rows[:LONGEST_SIMULATION]
    after = [decide_again(row, trial.politica) for row in analysed]
    changes = _changes(analysed, after)
    return SimulacaoOut(
        versao_atual=versao,
        analisados=len(analysed),
        completa=len(rows) == len(analysed),
        mudariam=sum(change.pedidos for change in changes),
        valor=sum((change.valor for change in changes), Decimal(0)),
        mudancas=changes,
        antes=dict(Counter(Situacao(row.decisao) for row in analysed)),
        depois=dict(Counter(after)),
        definicao=DEFINITION,
    )


def decide_again(row: Any, policy: Politica) -> Situacao:
    """What another policy would have decided on a stored case."""
    case, _ = Case.from_json(row.entradas["caso"]).without(policy.sensiveis)
    probability, limits = row.probabilidade, None
    used = {reason["coluna"] for reason in row.justificativas}
    if probability is None or used & set(policy.sensiveis):
        probability = None
    else:
        limits = thresholds(policy, row.entradas["limiar_do_modelo"])
    return verdict(evaluate(case, policy.regras), probability, limits).decisao


def _changes(rows: Sequence[Any], after: Sequence[Situacao]) -> list[MudancaSimuladaOut]:
    grouped: dict[tuple[Situacao, Situacao], list[Any]] = defaultdict(list)
    for row, then in zip(rows, after, strict=True):
        if then != row.decisao:
            grouped[Situacao(row.decisao), then].append(row)
    return [
        MudancaSimuladaOut(
            de=de,
            para=para,
            pedidos=len(found),
            valor=sum((row.valor for row in found), Decimal(0)),
            desfechos=dict(Counter(row.desfecho for row in found if row.desfecho)),
        )
        for (de, para), found in sorted(grouped.items())
    ]


def _etag(versao: int) -> str:
    return f'"{versao}"'


def _matches(if_match: str, row: PoliticaRow | None) -> bool:
    """Whether the version in use is one of the listed tags; `*` stands for any.

    The default one has two: as it is read before an order meets it, and as it is kept then.
    """
    found = describe(row)
    own = {"*", _etag(found.versao), *([_etag(0)] if found.padrao else [])}
    return bool(own & {tag.strip() for tag in if_match.split(",")})
