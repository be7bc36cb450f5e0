"""Asking a version: two statements around one call of the model, whatever the number of rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.statements import HotStatement
from chalicelib.ml.registry import Alias, ModelName
from chalicelib.ml.versions import UNLOADABLE, ModelUnusable, served_model
from chalicelib.prices.answers import Answer, answer, explains_by_itself, explanation_ms
from chalicelib.prices.errors import ProjetoNotFound
from chalicelib.prices.errors_models import (
    ExplicacaoCara,
    SemCampeao,
    SemExplicacao,
    VersaoArquivada,
)
from chalicelib.prices.inputs import Read, read_cases
from chalicelib.prices.membership import user_of
from chalicelib.prices.models import price_model_name
from chalicelib.prices.schemas_predictions import (
    Explicacao,
    NaoVisto,
    PrevisaoOut,
    PrevisoesIn,
    PrevisoesOut,
)

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

MOST_EXPLAINING_MS = 2_000.0  # What a caller may have one process explain.
NOT_EXPLAINED = (
    "Explicar esta versão leva {ms:.0f} ms por caso, acima do que uma resposta pode levar; peça "
    "com explicar=true."
)

# Who asks, what they may, and which version answers: everything that is not the model itself.
ASKED = HotStatement(f"""
SELECT a.version AS campeao, r.versao AS arquivada
FROM precos_projetos p
LEFT JOIN precos_membros m ON m.projeto_id = p.id AND m.usuario_id = cast(:usuario AS bigint)
LEFT JOIN model_aliases a
    ON a.tenant = p.tenant AND a.model = :modelo AND a.alias = '{Alias.CHAMPION.value}'
LEFT JOIN precos_arquivadas r
    ON r.projeto_id = p.id AND r.versao = coalesce(cast(:versao AS int), a.version)
WHERE p.id = cast(:projeto AS uuid) AND p.tenant = :tenant AND p.excluido_em IS NULL
    AND (p.dono_id = cast(:usuario AS bigint) OR m.papel IS NOT NULL)
""")

KEEP = HotStatement("""
WITH chamada AS (
    INSERT INTO precos_chamadas (tenant, projeto_id, versao, usuario, em, linhas, origem)
    VALUES (:tenant, cast(:projeto AS uuid), :versao, :usuario, cast(:em AS timestamptz),
        :linhas, 'api')
    RETURNING id
), guardadas AS (
    INSERT INTO precos_previsoes (tenant, projeto_id, chamada_id, versao, usuario, em, referencia,
        entrada, valor, baixo, alto, classe, probabilidades, avisos)
    SELECT :tenant, cast(:projeto AS uuid), c.id, :versao, :usuario, cast(:em AS timestamptz),
        r.referencia, r.entrada, r.valor, r.baixo, r.alto, r.classe, r.probabilidades, r.avisos
    FROM chamada c, jsonb_to_recordset(cast(:linhas_json AS jsonb)) AS r (
        linha int, referencia text, entrada jsonb, valor float8, baixo float8, alto float8,
        classe text, probabilidades jsonb, avisos jsonb)
    ORDER BY r.linha
    RETURNING id
)
SELECT id FROM guardadas ORDER BY id
""")


@dataclass(frozen=True)
class Asked:
    """A version that may answer whoever asks.

    Attributes:
        projeto_id: Whose.
        versao: Which.
        model: It.
    """

    projeto_id: UUID
    versao: int
    model: ServedModel


def predict(
    session: Session, principal: Principal, projeto_id: UUID, body: PrevisoesIn, now: datetime
) -> PrevisoesOut:
    """Answer cases, and keep what was answered.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        SemCampeao, ModelVersionNotFound, VersaoArquivada, ModelUnusable: No version answers.
        ValidationFailed: Names every value that cannot be read.
        SemExplicacao, ExplicacaoCara: It cannot be explained, or not so much of it.
        ServiceUnavailable: The model cannot be read just now.
    """
    asked = version_asked(session, principal, projeto_id, body.versao)
    metadata = asked.model.metadata
    read = read_cases(body.rows, metadata["esquema"], metadata["alvo"], in_list=body.is_list)
    explain, notice = _explains(asked.model, body)
    answers = answer(asked.model, read.table, explain)
    ids = _keep(session, principal, asked, body.keys, read, answers, now)
    return PrevisoesOut(
        modelo=projeto_id,
        versao=asked.versao,
        algoritmo=metadata["algorithm"],
        alvo=metadata["alvo"],
        tarefa=metadata["tarefa"],
        unidade=metadata.get("unidade"),
        intervalo=stated_interval(metadata),
        previsoes=[
            _said(ids[place], key, read, place, answers[place])
            for place, key in enumerate(body.keys)
        ],
        aviso=notice,
    )


def version_asked(
    session: Session, principal: Principal, projeto_id: UUID, versao: int | None
) -> Asked:
    """The version that answers, in one statement and a look into the cache of models.

    Raises:
        ProjetoNotFound, SemCampeao, ModelVersionNotFound, VersaoArquivada, ModelUnusable,
        ServiceUnavailable: See `predict`.
    """
    name = price_model_name(principal.tenant, projeto_id)
    found = ASKED.one_or_none(
        session,
        usuario=user_of(principal),
        modelo=name.model,
        versao=versao,
        projeto=projeto_id,
        tenant=principal.tenant,
    )
    if found is None:
        raise ProjetoNotFound
    if found.arquivada is not None:
        raise VersaoArquivada
    number = versao or found.campeao
    if number is None:
        raise SemCampeao
    return Asked(projeto_id, number, usable_model(session, name, number))


def usable_model(session: Session, name: ModelName, version: int) -> ServedModel:
    """A version, ready to answer.

    Raises:
        ModelVersionNotFound: There is no such version.
        ModelUnusable: Its stored model is missing or is not the one registered.
        ServiceUnavailable: The store does not answer.
    """
    try:
        return served_model(session, name, version)
    except UNLOADABLE as error:
        raise ModelUnusable from error


def stated_interval(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is said of a version's intervals."""
    stored = metadata.get("intervalo")
    return None if stored is None else {name: stored[name] for name in ("nominal", "medida")}


def _explains(model: ServedModel, body: PrevisoesIn) -> tuple[bool, str | None]:
    """Whether to explain, and what to say where it would be too slow to do so unasked."""
    wanted, by_itself = body.explicar, explains_by_itself(model.metadata)
    ms = explanation_ms(model.metadata)
    if wanted is None:
        if body.is_list or model.explainer is None:
            return False, None
        return by_itself, None if by_itself else NOT_EXPLAINED.format(ms=ms)
    if not wanted:
        return False, None
    if model.explainer is None:
        raise SemExplicacao
    if len(body.rows) > 1 and ms * len(body.rows) > MOST_EXPLAINING_MS:
        most = max(1, int(MOST_EXPLAINING_MS / ms))
        raise ExplicacaoCara(
            f"Explaining a case of this version takes {ms:.1f} ms: ask for at most {most} at once."
        )
    return True, None


def _keep(
    session: Session,
    principal: Principal,
    asked: Asked,
    keys: Sequence[str | None],
    read: Read,
    answers: Sequence[Answer],
    now: datetime,
) -> list[int]:
    """Keep what was answered, in one statement; gives the ids in the cases' order."""
    rows = [
        {
            "linha": place,
            "referencia": keys[place],
            "entrada": read.given[place],
            "valor": each.value,
            "baixo": each.low,
            "alto": each.high,
            "classe": each.label,
            "probabilidades": each.chances,
            "avisos": _notices(read, place, each),
        }
        for place, each in enumerate(answers)
    ]
    found = KEEP.all(
        session,
        tenant=principal.tenant,
        projeto=asked.projeto_id,
        versao=asked.versao,
        usuario=principal.subject,
        em=now,
        linhas=len(rows),
        linhas_json=json.dumps(rows, ensure_ascii=False),
    )
    return [row.id for row in found]


def _notices(read: Read, place: int, found: Answer) -> dict[str, Any]:
    """What is kept of what was unusual: nothing where nothing was."""
    unusual = {
        "nao_vistos": found.unseen,
        "ausentes": read.missing[place],
        "desconhecidas": read.unknown[place],
    }
    return {name: said for name, said in unusual.items() if said}


def _said(identifier: int, key: str | None, read: Read, place: int, found: Answer) -> PrevisaoOut:
    return PrevisaoOut.model_construct(
        id=identifier,
        referencia=key,
        previsao=found.said,
        baixo=found.low,
        alto=found.high,
        probabilidades=found.chances,
        explicacao=None if found.reasons is None else Explicacao(**found.reasons),
        nao_vistos=[NaoVisto(**each) for each in found.unseen],
        ausentes=read.missing[place],
        desconhecidas=read.unknown[place],
    )
