"""Measuring the churn model that answers: shift since training, and how it has done since."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from chalicelib.core.runs import JobRun
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.schemas_models import DesempenhoOut, DesvioOut, Medicao
from chalicelib.gym.training_card import FEWEST_ALUNOS, FEWEST_OF_A_CLASS, LABELS, SEED
from chalicelib.gym.training_data import LABEL, labelled_instants, read_snapshots
from chalicelib.ml.monitoring import SCORE, Shift, shifts
from chalicelib.ml.registry import ModelVersion, training_profile
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.evaluate import classification_metrics, reliability_table
from chalicelib.ml.training.folds import TooLittleData

LOOKS = 7
CONTACTS = "SELECT aluno_id, concluido_em FROM contatos WHERE concluido_em > :since"
HELD_OUT = "SELECT aluno_id FROM grupos_retencao WHERE grupo = 'controle'"
TOO_FEW = "Poucos desfechos conhecidos desde o treino para um número confiável."


@dataclass(frozen=True)
class Outcomes:
    """What a version said of members, and what became of them.

    Attributes:
        scores: (n,) probabilities.
        outcomes: (n,) 1 where the member left in the 30 days after.
        who: (n,) members.
        as_of: (n,) when it was, or would have been, said.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int_]
    who: NDArray[np.int64]
    as_of: NDArray[np.datetime64]

    def take(self, rows: NDArray[np.bool_]) -> "Outcomes | None":
        """Some of them; None where that is nobody."""
        if not rows.any():
            return None
        return Outcomes(self.scores[rows], self.outcomes[rows], self.who[rows], self.as_of[rows])


def measure(run: JobRun, version: ModelVersion, now: datetime) -> Medicao:
    """Everything that the verdict on a version's health rests on."""
    with run.reading() as session:
        model = churn_model(session, version.version)
        profile = training_profile(session, CHURN, version.version)
    moved, members = _shifts(run, model, profile, now)
    found = outcomes_since(run, model, data_end(version))
    untouched, held_out = (None, None) if found is None else apart_from_contacts(run, found)
    return Medicao(
        versao=version.version,
        treinado_em=version.created_at,
        dados_ate=data_end(version),
        roc_auc_validacao=version.metrics["validacao"]["roc_auc"],
        alunos=members,
        entradas=[each for each in moved if each.coluna != SCORE.name],
        score=next((each for each in moved if each.coluna == SCORE.name), None),
        desempenho=performance(found),
        desempenho_sem_contato=performance(untouched),
        desempenho_controle=performance(held_out),
    )


def data_end(version: ModelVersion) -> datetime:
    """The last snapshot that made the version, be it by training it or by judging it."""
    return datetime.fromisoformat(version.data["ate"]).replace(tzinfo=UTC)


def _shifts(
    run: JobRun, model: ServedModel, profile: list[dict[str, Any]], now: datetime
) -> tuple[list[DesvioOut], int]:
    """How far those whom the model may be asked about are from those it learned from."""
    # Their label is not on record yet, and is not looked at.
    members = read_snapshots(run, recent_instants(now))
    if members is None or not profile:
        return [], 0
    found = shifts(profile, members.table, model.predict(members.table), looks=LOOKS)
    return [_shift_out(each) for each in found], len(np.unique(members.aluno_id))


def recent_instants(now: datetime) -> list[datetime]:
    """The last seven midnights, as training's snapshots are midnights of any day of the week.

    At another hour everybody's last visit lies another part of a day back, and after a Sunday
    everybody's lies a day further: read at one instant alone, that looked like a drift (an index
    of 0.9 on a gym in which nothing had changed).
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=day) for day in reversed(range(LOOKS))]


def _shift_out(shift: Shift) -> DesvioOut:
    return DesvioOut(
        coluna=shift.column,
        rotulo=LABELS.get(shift.column, SCORE.label),
        psi=shift.index,
        linhas=shift.rows,
        faixa=shift.band,
    )


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
    later = [instant for instant in labelled_instants(run) if instant > since]
    data = read_snapshots(run, later)
    if data is None:
        return None
    return Outcomes(model.predict(data.table), data.y, data.aluno_id, data.as_of)


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
        since = {"since": _instant(found.as_of.min())}
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


def performance(found: Outcomes | None) -> DesempenhoOut:
    """How probabilities did on outcomes, wherever both come from; small numbers make no figure."""
    if found is None:
        return DesempenhoOut(
            desde=None,
            ate=None,
            desfechos=0,
            alunos=0,
            positivos=0,
            metricas=None,
            confiabilidade=[],
            aviso="Nenhum desfecho conhecido ainda desde o treino.",
        )
    metrics = _metrics(found)
    bins = [] if metrics is None else reliability_table(found.outcomes, found.scores)
    return DesempenhoOut(
        desde=_instant(found.as_of.min()),
        ate=_instant(found.as_of.max()),
        desfechos=len(found.outcomes),
        alunos=len(np.unique(found.who)),
        positivos=int(found.outcomes.sum()),
        metricas=metrics,
        confiabilidade=[asdict(each) for each in bins],
        aviso=TOO_FEW if metrics is None else None,
    )


def _metrics(found: Outcomes) -> dict[str, Any] | None:
    positives = int(found.outcomes.sum())
    fewest = min(positives, len(found.outcomes) - positives)
    if len(np.unique(found.who)) < FEWEST_ALUNOS or fewest < FEWEST_OF_A_CLASS:
        return None
    try:
        return classification_metrics(found.outcomes, found.scores, found.who, SEED).to_json()
    except TooLittleData:
        return None


def _instant(value: Any) -> datetime:
    found: datetime = value.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)
