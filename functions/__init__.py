"""Queue-triggered handlers: on SQS in Lambda or Fargate, on the local worker elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EventSource:
    """Which handler a queue invokes.

    Attributes:
        handler: Dotted path of the handler.
        is_long: Its work may take minutes: it runs on Fargate instead of Lambda.
        can_wait: Nobody waits for it as for a file that was just sent: the local worker keeps a
            process free for the others.
    """

    handler: str
    is_long: bool = False
    can_wait: bool = False

    @property
    def batch_size(self) -> int:
        """How many messages an event carries: of long work one, to leave the rest to others."""
        return 1 if self.is_long else 10


EVENT_SOURCES = {
    "aluno_queue": EventSource("functions.gym.import_alunos.handler", is_long=True),
    "checkin_queue": EventSource("functions.gym.import_checkins.handler", is_long=True),
    "books_scrape_queue": EventSource(
        "functions.books.scrape_catalogue.handler", is_long=True, can_wait=True
    ),
    "books_training_queue": EventSource(
        "functions.books.train_prices.handler", is_long=True, can_wait=True
    ),
    "churn_probabilities_queue": EventSource(
        "functions.gym.calculate_probabilities.handler", is_long=True, can_wait=True
    ),
    "credit_lots_queue": EventSource("functions.credit.receive_lots.handler"),
    "credit_datasets_queue": EventSource("functions.credit.close_datasets.handler", is_long=True),
    "credit_lgpd_queue": EventSource("functions.credit.erase_files.handler"),
    "credit_orders_queue": EventSource("functions.credit.decide_orders.handler", is_long=True),
    "credit_removals_queue": EventSource(
        "functions.credit.remove_datasets.handler", is_long=True, can_wait=True
    ),
    "daily_report_queue": EventSource("functions.gym.daily_report.handler"),
    "lgpd_queue": EventSource("functions.gym.erase_files.handler"),
    "model_update_queue": EventSource(
        "functions.gym.update_model.handler", is_long=True, can_wait=True
    ),
    "model_comparison_queue": EventSource(
        "functions.gym.compare_models.handler", is_long=True, can_wait=True
    ),
    "analysis_queue": EventSource("functions.gym.analyse_gym.handler", is_long=True, can_wait=True),
    "credit_training_queue": EventSource(
        "functions.credit.train_model.handler", is_long=True, can_wait=True
    ),
    "credit_analysis_queue": EventSource(
        "functions.credit.analyse_models.handler", is_long=True, can_wait=True
    ),
    "prices_training_queue": EventSource(
        "functions.prices.train_models.handler", is_long=True, can_wait=True
    ),
    "prices_prediction_queue": EventSource("functions.prices.predict_files.handler", is_long=True),
    "prices_analysis_queue": EventSource(
        "functions.prices.analyse_models.handler", is_long=True, can_wait=True
    ),
    "prices_profile_queue": EventSource("functions.prices.profile_dataset.handler", is_long=True),
    "prices_removal_queue": EventSource(
        "functions.prices.remove_objects.handler", is_long=True, can_wait=True
    ),
}
"""Queue name -> what it invokes: the event source mappings of Lambda."""
