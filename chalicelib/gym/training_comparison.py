"""Two versions of the churn model on every snapshot after both their training windows (law 7)."""

import numpy as np

from chalicelib.core.runs import JobRun
from chalicelib.gym.models import CHURN
from chalicelib.gym.schemas_models import CompareMessage
from chalicelib.gym.training_data import labelled_instants, read_snapshots
from chalicelib.gym.training_recipe import CHURN_RECIPE
from chalicelib.ml.registry import version_of
from chalicelib.ml.schemas import ComparisonReport
from chalicelib.ml.training.comparison import NoCommonHoldOut, compare
from chalicelib.ml.training.hold_outs import window_end


class ChurnComparison(ComparisonReport):
    """Two versions of the churn model on the same members."""

    alunos: int
    positivos: int


def compare_versions(run: JobRun, message: CompareMessage) -> ChurnComparison:
    """Judge two versions on every snapshot after both their training windows.

    Raises:
        NoCommonHoldOut: There is none yet, or everybody in it stayed, or left.
        ModelUnloadable: One of them cannot be loaded.
        ModelVersionNotFound: There is no such version.
    """
    run.progress(0, 3, "lendo as linhas comuns")
    with run.reading() as session:
        found = [version_of(session, CHURN, number) for number in (message.a, message.b)]
    since = max(window_end(row.split) for row in found)
    instants = [i for i in labelled_instants(run) if np.datetime64(i.replace(tzinfo=None)) >= since]
    rows = read_snapshots(run, instants)
    if rows is None:
        raise NoCommonHoldOut
    return compare(run, CHURN_RECIPE, (message.a, message.b), rows, ChurnComparison)
