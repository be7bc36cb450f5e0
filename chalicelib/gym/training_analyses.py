"""The nightly job: measure the model that answers, draw the retention curves, keep both."""

from datetime import datetime

from pydantic import BaseModel, Field

from chalicelib.core.runs import JobRun
from chalicelib.gym.models import CHURN
from chalicelib.gym.service_analyses import Analysis, keep
from chalicelib.gym.training_retention import retention
from chalicelib.gym.training_watch import measure
from chalicelib.ml.registry import champion_of


class AnalysisReport(BaseModel):
    """What was measured."""

    versao: int | None = Field(description="The version measured; null where none answers.")
    desfechos: int = Field(description="Outcomes known since it was trained.")
    curvas: int = Field(description="Retention curves drawn.")


def analyse(run: JobRun, now: datetime) -> AnalysisReport:
    """Measure, draw, keep."""
    run.progress(0, 2, "medindo o modelo")
    with run.reading() as session:
        champion = champion_of(session, CHURN)
    measured = None if champion is None else measure(run, champion, now)
    run.progress(1, 2, "curvas de retenção")
    curves = retention(run)
    with run.transaction() as session:
        if measured is not None:
            keep(session, Analysis.SAUDE, measured, now)
        keep(session, Analysis.RETENCAO, curves, now)
    return AnalysisReport(
        versao=None if measured is None else measured.versao,
        desfechos=0 if measured is None else measured.desempenho.desfechos,
        curvas=len(curves.curvas),
    )
