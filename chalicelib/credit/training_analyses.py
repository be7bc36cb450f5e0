"""What a company asks to be found out about its model."""

from pydantic import BaseModel

from chalicelib.core.runs import JobRun
from chalicelib.credit.queues import AnaliseMessage, ComparacaoMessage, EnsaioMessage
from chalicelib.credit.training_comparison import compare_versions
from chalicelib.credit.training_trial import try_file
from chalicelib.credit.training_watch import measure_champion


def analyse(run: JobRun, message: AnaliseMessage) -> BaseModel:
    """Compare versions, try one on a file, or measure the one that answers."""
    asked = message.analise
    if isinstance(asked, ComparacaoMessage):
        return compare_versions(run, asked)
    if isinstance(asked, EnsaioMessage):
        return try_file(run, asked)
    return measure_champion(run, run.started_at)
