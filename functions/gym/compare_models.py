"""Queue `model_comparison_queue`: two versions of the churn model on the same rows."""

from chalicelib.core.runs import JobRun
from chalicelib.gym import training_comparison
from chalicelib.gym.queues import MODEL_COMPARISON_QUEUE
from chalicelib.gym.schemas_models import CompareMessage
from chalicelib.gym.training_comparison import ChurnComparison
from functions.runtime import queue_handler


@queue_handler(MODEL_COMPARISON_QUEUE)
def handler(run: JobRun, versions: CompareMessage) -> ChurnComparison:
    """Compare them."""
    return training_comparison.compare_versions(run, versions)
