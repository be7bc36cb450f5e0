"""Measuring the churn model that answers: shift since training, and how it has done since."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from chalicelib.core.runs import JobRun
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.schemas_models import DesempenhoOut, DesvioOut, Medicao
from chalicelib.gym.training_data import LABEL, labelled_instants, read_snapshots
from chalicelib.gym.training_recipe import CHURN_RECIPE
from chalicelib.ml.registry import ModelVersion, training_profile
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.watch import Outcomes, instant, moved, performance

LOOKS = 7
CONTACTS = "SELECT aluno_id, concluido_em FROM contatos WHERE concluido_em > :since"
HELD_OUT = "SELECT aluno_id FROM grupos_retencao WHERE grupo = 'controle'"


def measure(run: JobRun, version: ModelVersion, now: datetime) -> Medicao:
    """Everything that the verdict on a version's health rests on."""
    with run.reading() as session:
        model = churn_model(session, version.version)
        profile = training_profile(session, CHURN, version.version)
    inputs, score, members = _shifts(run, model, profile, now)
    found = outcomes_since(run, model, data_end(version))
    untouched, held_out = (None, None) if found is None else apart_from_contacts(run, found)
    return Medicao(
        versao=version.version,
        treinado_em=version.created_at,
        dados_ate=data_end(version),
        roc_auc_validacao=version.metrics["validacao"]["roc_auc"],
        alunos=members,
        entradas=inputs,
        score=score,
        desempenho=churn_performance(found),
        desempenho_sem_contato=churn_performance(untouched),
        desempenho_controle=churn_performance(held_out),
    )


def churn_performance(found: Outcomes | None) -> DesempenhoOut:
    """How a version did on what became of members."""
    return performance(CHURN_RECIPE, found, DesempenhoOut)


def data_end(version: ModelVersion) -> datetime:
    """The last snapshot that made the version, be it by training it or by judging it."""
    return datetime.fromisoformat(version.data["ate"]).replace(tzinfo=UTC)


def _shifts(
    run: JobRun, model: ServedModel, profile: list[dict[str, Any]], now: datetime
) -> tuple[list[DesvioOut], DesvioOut | None, int]:
    """How far those whom the model may be asked about are from those it learned from, and how
    many they are."""
    # Their label is not on record yet, and is not looked at.
    members = read_snapshots(run, recent_instants(now))
    if members is None or not profile:
        return [], None, 0
    answers = model.predict(members.table)
    inputs, score = moved(CHURN_RECIPE, profile, members.table, answers, DesvioOut, LOOKS)
    return inputs, score, len(np.unique(members.who))


def recent_instants(now: datetime) -> list[datetime]:
    """The last seven midnights, as training's snapshots are midnights of any day of the week.

    At another hour everybody's last visit lies another part of a day back, and after a Sunday
    everybody's lies a day further: read at one instant alone, that looked like a drift (an index
    of 0.9 on a gym in which nothing had changed).
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=day) for day in reversed(range(LOOKS))]


def outcomes_since(run: JobRun, model: ServedModel, since: datetime) -> Outcomes | None:
    """What a version would have said after an instant, and what became of the members.

    The features of a past instant are exactly what was known then, so asking the model now gives
    what it would have answered: this is back-scoring, and needs no stored scores.

    Args:
        run: The job that reads.
        model: The version.
        since: The end of the data that made it; later snapshots it has never seen.

    Returns:
        The rows whose 30 days are over; None where there are none.
    """
    later = [each for each in labelled_instants(run) if each > since]
    data = read_snapshots(run, later)
    if data is None:
        return None
    return Outcomes(model.predict(data.table), data.y, data.who, data.instants)


def apart_from_contacts(run: JobRun, found: Outcomes) -> tuple[Outcomes | None, Outcomes | None]:
    """What became of whom nobody contacted, and of whom nobody was allowed to contact.

    A member who was kept by a contact looks like an error of the model. Neither part is free of
    selection: those not contacted lack the members the team thought most of, those held out
    (`service_worklist.py`) all came onto a list; but the latter were picked by lot among them.

    Returns:
        The rows without a contact in the 30 days that were foretold, and those of members who
        are held out.
    """
    with run.reading() as session:
        since = {"since": instant(found.as_of.min())}
        contacts = session.execute(text(CONTACTS), since).all()
        held_out = list(session.scalars(text(HELD_OUT)))
    untouched = ~_contacted(found, contacts)
    return found.take(untouched), found.take(untouched & np.isin(found.who, held_out))


def _contacted(found: Outcomes, contacts: Sequence[Any]) -> NDArray[np.bool_]:
    """(n,) whether a contact fell into the 30 days after each row's instant."""
    touched = np.zeros(len(found.who), dtype=np.bool_)
    if not contacts:
        return touched
    made = pd.DataFrame(
        {
            "who": [contact.aluno_id for contact in contacts],
            "em": [np.datetime64(c.concluido_em.replace(tzinfo=None), "us") for c in contacts],
        }
    )
    rows = pd.DataFrame({"who": found.who, "as_of": found.as_of, "row": np.arange(len(touched))})
    pairs = rows.merge(made, on="who")
    within = (pairs["em"] > pairs["as_of"]) & (pairs["em"] <= pairs["as_of"] + LABEL)
    touched[pairs.loc[within, "row"].to_numpy()] = True
    return touched
