"""What the stages differ in: sizes and how long things are kept, never which resources there are.

So what was tried in one stage is what runs in the next.
"""

from dataclasses import dataclass


class UnknownStage(Exception):
    """STAGE must be dev, staging or prod."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class Stage:
    """One installation in an AWS account.

    Attributes:
        name: Part of the names of everything in it.
        environment: `ENVIRONMENT` of the program. Strangers reach `dev` too, so it refuses what
            is fit for a laptop only, as staging does.
        least_capacity: Of the database, in Aurora capacity units (2 GB of memory each).
        most_capacity: The same, at the most.
        database_instances: A second one takes over when the first one's zone fails.
        backup_days: How far back the database can be restored to any second.
        log_days: How long logs are kept.
        noncurrent_days: How long an overwritten or deleted object can be had back.
        api_concurrency: Instances of the API at once; each holds two connections to the database.
        handler_concurrency: Instances of each queue's handler at once.
        workers: Tasks on Fargate, at least and at most.
        requests_per_second: Of all callers together; beyond it the API answers 429.
        monthly_budget_usd: A message is sent at 80 % of it, and when it will not suffice.
        is_protected: Whether deleting the stack is refused for the database.
    """

    name: str
    environment: str
    least_capacity: float
    most_capacity: float
    database_instances: int
    backup_days: int
    log_days: int
    noncurrent_days: int
    api_concurrency: int
    handler_concurrency: int
    workers: tuple[int, int]
    requests_per_second: int
    monthly_budget_usd: int
    is_protected: bool

    @property
    def prefix(self) -> str:
        """Before the name of everything that bears one."""
        return f"previsto-{self.name}"


STAGES = {
    "dev": Stage("dev", "staging", 0.5, 2, 2, 1, 14, 7, 10, 2, (1, 2), 50, 350, False),
    "staging": Stage("staging", "staging", 0.5, 4, 2, 7, 30, 14, 20, 5, (1, 4), 100, 500, False),
    "prod": Stage("prod", "prod", 1, 16, 2, 35, 90, 30, 100, 20, (2, 12), 1000, 1500, True),
}


def stage_named(name: str) -> Stage:
    """A stage.

    Raises:
        UnknownStage: There is none of this name.
    """
    if name not in STAGES:
        raise UnknownStage
    return STAGES[name]
