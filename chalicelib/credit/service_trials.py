"""Trying a version on sample orders: scores with reasons; nothing is decided and nothing kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.jobs import Job, enqueue
from chalicelib.credit.columns import table_of, unread
from chalicelib.credit.items import ItemRefused, reading_at
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.credit.queues import CREDIT_ANALYSIS_QUEUE, AnaliseMessage, EnsaioMessage
from chalicelib.credit.samples import Sample, look_at, read_sample
from chalicelib.credit.schemas_models import AmostraIn, AmostraOut, TesteOut
from chalicelib.credit.wording import reasons
from chalicelib.ml.registry import version_of
from chalicelib.ml.versions import UNLOADABLE, ModelUnusable

if TYPE_CHECKING:
    from chalicelib.ml.explain import Explanation
    from chalicelib.ml.serving import ServedModel


def ask_for_trial(session: Session, principal: Principal, version: int, objeto: str) -> Job:
    """Have a version tried on a file of sample orders.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    version_of(session, credit_model_name(principal.tenant), version)
    return enqueue(
        session,
        CREDIT_ANALYSIS_QUEUE,
        AnaliseMessage(analise=EnsaioMessage(versao=version, objeto=objeto)),
        tenant=principal.tenant,
        owner=principal.subject,
    )


def try_version(
    session: Session,
    principal: Principal,
    version: int,
    sent: Sequence[AmostraIn],
    now: datetime,
) -> TesteOut:
    """Say what a version makes of sample orders.

    Raises:
        ModelVersionNotFound: There is no such version.
        ModelUnusable: Its stored model is missing or is not the one registered.
        ValidationFailed: Names everything in the samples that cannot be read.
    """
    model = usable_model(session, principal.tenant, version)
    samples = _read(sent, now)
    rows = [look_at(session, principal.tenant, sample, now) for sample in samples]
    audit.record(
        session,
        tenant=principal.tenant,
        ator=principal.subject,
        acao="modelo.testado",
        objeto=f"modelo:{credit_model_name(principal.tenant).model}:{version}",
        pedidos=len(samples),
    )
    return TesteOut(
        versao=version,
        alvo=model.metadata["alvo"],
        limiar=model.metadata["limiar"],
        pedidos=describe_samples(model, samples, rows),
    )


def usable_model(session: Session, tenant: str, version: int) -> ServedModel:
    """A version, ready to answer.

    Raises:
        ModelVersionNotFound: There is no such version.
        ModelUnusable: Its stored model is missing or is not the one registered.
    """
    try:
        return credit_model(session, credit_model_name(tenant), version)
    except UNLOADABLE as error:
        raise ModelUnusable from error


def _read(sent: Sequence[AmostraIn], now: datetime) -> list[Sample]:
    reading, samples, errors = reading_at(now), list[Sample](), list[FieldError]()
    for place, each in enumerate(sent):
        fields = each.model_dump(exclude_none=True)
        try:
            samples.append(read_sample(fields, str(place + 1), reading))
        except ItemRefused as refusal:
            errors += [
                FieldError(campo=f"pedidos.{place}.{fault.campo or ''}".rstrip("."), erro=said)
                for fault in refusal.faults
                for said in [fault.motivo]
            ]
    if errors:
        raise ValidationFailed(errors=errors)
    return samples


def describe_samples(
    model: ServedModel, samples: Sequence[Sample], rows: Sequence[Mapping[str, Any]]
) -> list[AmostraOut]:
    """Scores with their reasons, and what the version could not take, in the samples' order."""
    if not rows:
        return []
    table = table_of(rows, model.encoder.columns)
    explained, unseen = model.score_and_explain(table), model.encoder.unseen(table)
    return [
        _described(
            model,
            sample,
            rows[place],
            {name: values[place] for name, values in table.items()},
            explained[place],
            sorted({each.source for each in unseen[place]}),
        )
        for place, sample in enumerate(samples)
    ]


def _described(
    model: ServedModel,
    sample: Sample,
    row: Mapping[str, Any],
    values: Mapping[str, Any],
    found: Explanation,
    strange: list[str],
) -> AmostraOut:
    columns, usual = model.encoder.columns, model.metadata["usual"]
    passed_over = unread(row, columns)
    said = reasons(found.contributions, values, usual, columns)
    return AmostraOut.model_validate(
        {
            "numero": sample.order.numero,
            "probabilidade": found.score,
            "valor_base": found.base_value,
            "abaixo_do_limiar": found.score < model.metadata["limiar"],
            "justificativas": said,
            "colunas_desconhecidas": passed_over.unknown,
            "colunas_de_outro_tipo": passed_over.misfit,
            "fora_do_treino": strange,
            "desfecho": sample.desfecho,
        }
    )
