"""What is to be found out about a project's model."""

from pydantic import BaseModel

from chalicelib.core.runs import JobRun
from chalicelib.prices.queues_models import AnaliseMessage, ComparacaoMessage
from chalicelib.prices.training_comparison import compare_versions
from chalicelib.prices.training_watch import measure_project


def analyse(run: JobRun, message: AnaliseMessage) -> BaseModel:
    """Compare two versions, or measure those of a project."""
    asked = message.analise
    if isinstance(asked, ComparacaoMessage):
        return compare_versions(run, asked)
    return measure_project(run, asked.projeto, run.started_at)
