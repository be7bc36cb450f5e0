"""Training data, and predictions made here and elsewhere."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    model_validator,
)

from chalicelib.books.schemas_instances import LOOKED_AT, InstanceIn
from chalicelib.books.schemas_paging import LONGEST_PAGE
from chalicelib.core.pages import PageQuery
from chalicelib.core.types import Id, Strict
from chalicelib.ml.schemas import CartaoOut, VersaoOut

MOST_AT_ONCE = 1000
LARGEST_VALUE = 1e9


class TrainMessage(BaseModel):
    """What a job of `books_training_queue` learns from."""

    snapshot: int


class PriceReport(BaseModel):
    """What a training came to."""

    snapshot: int
    linhas: int
    sha256: str = Field(description="Of the training data as CSV.")
    modelo: dict[str, Any] | None = Field(description="The version; null where none was made.")
    aviso: str = Field(description="Whether it knows more than chance, or why there is none.")


class DataFormat(StrEnum):
    """In which form training data are given out."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class DataQuery(BaseModel):
    """Which edition of the catalogue, and how much of it: as pages, or whole."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(
        100, ge=1, le=LONGEST_PAGE, validation_alias=AliasChoices("limit", "per_page", "page_size")
    )
    cursor: str | None = Field(
        None, max_length=200, description="Where to go on: taken from `next`."
    )
    snapshot: Annotated[str, StringConstraints(pattern=r"^(latest|[0-9]{1,18})$")] = Field(
        "latest", description="Its number: the same number gives the same rows for ever."
    )
    format: DataFormat = Field(
        DataFormat.JSON, description="`csv` and `parquet` lead to the whole of it as a file."
    )


class ColumnOut(BaseModel):
    """A column of the data."""

    name: str
    type: str = Field(description="string, integer or number.")
    unit: str | None
    role: str = Field(description="id, feature, target or split.")
    meaning: str
    nullable: bool


class DataOut(BaseModel):
    """A page of rows, a column by each name of `schema`."""

    model_config = ConfigDict(populate_by_name=True)

    snapshot: int | None
    columns: list[ColumnOut] = Field(serialization_alias="schema")
    items: list[dict[str, Any]]
    total: int
    total_exact: bool
    next: str | None


class TrainingDataOut(DataOut):
    """A page of training data."""

    split_rule: str = Field(description="Which books judge, and must not be trained on.")
    files: dict[str, Any] = Field(
        description="Format -> sha256 and size_bytes of the whole; empty until they are made."
    )


class Target(StrEnum):
    """What is foretold of books."""

    PRICE = "price"
    RATING = "rating"


class OutsidePredictionIn(Strict):
    """What a model elsewhere says of a book."""

    book_id: Id = Field(validation_alias=AliasChoices("book_id", "id"))
    value: float = Field(
        validation_alias=AliasChoices(
            *("value", "prediction", "predicted", "predicted_price", "predicted_rating")
        ),
        # Beyond any price; and squares of larger ones would not fit what errors are summed in.
        ge=-LARGEST_VALUE,
        le=LARGEST_VALUE,
        allow_inf_nan=False,
    )


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^\S.*$")
]


class PredictionsIn(InstanceIn):
    """One book, or `instances` of them, to be answered; or `predictions` to be kept and scored."""

    instances: Annotated[list[InstanceIn], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = (
        None
    )
    predictions: (
        Annotated[list[OutsidePredictionIn], Field(min_length=1, max_length=MOST_AT_ONCE)] | None
    ) = Field(None, description="Of a model elsewhere; its name and version are needed.")
    model: Name | None = Field(
        None,
        validation_alias=AliasChoices("model", "model_name"),
        description="Name of the model elsewhere.",
    )
    version: Name | int | None = Field(
        None, validation_alias=AliasChoices("version", "model_version")
    )
    target: Target | None = Field(
        None, strict=False, description="What the model elsewhere foretells; price if left out."
    )

    @model_validator(mode="after")
    def _is_one_of_three(self) -> Self:
        given = self.model_fields_set
        forms = [
            bool(given & LOOKED_AT),
            self.instances is not None,
            self.predictions is not None,
        ]
        if sum(forms) != 1:
            raise ValueError("send the columns of one book, or `instances`, or `predictions`")
        if self.predictions is None and given & {"model", "version", "target"}:
            raise ValueError("model, version and target are those of `predictions`")
        if self.predictions is not None:
            self._check_predictions(self.predictions)
        if not all(each.model_fields_set & LOOKED_AT for each in self.instances or ()):
            raise ValueError("every instance needs a column of a book")
        return self

    def _check_predictions(self, predictions: list[OutsidePredictionIn]) -> None:
        if self.model is None or self.version is None:
            raise ValueError("predictions need the model's name and version")
        if len({each.book_id for each in predictions}) < len(predictions):
            raise ValueError("a book has one prediction")

    @property
    def asked(self) -> list[InstanceIn]:
        """The books that are to be answered."""
        return [self] if self.instances is None else self.instances


class PredictionOut(BaseModel):
    """An answer."""

    book_id: int | None
    prediction: float = Field(description="Price, in the currency of the training data.")


class PredictedOut(BaseModel):
    """The served model's answers, in the order of the questions."""

    model: str
    version: int
    target: Target = Target.PRICE
    predictions: list[PredictionOut]
    prediction: float | None = Field(description="The answer, where one book was asked about.")
    baseline: dict[str, Any] = Field(description="Errors of always answering the mean, on tests.")
    metrics: dict[str, Any] = Field(description="The version's own, with 95% intervals.")
    beats_baseline: bool = Field(description="Whether it is surely better than chance.")
    notice: str


class StoredOut(BaseModel):
    """What was kept."""

    stored: int
    model: str
    version: str
    target: Target
    snapshot: int = Field(description="What they are scored by.")


class PredictionsOut(RootModel[PredictedOut | StoredOut]):
    """Answers, or what was kept."""


class ScoresQuery(PageQuery):
    """Of which models."""

    model: Name | None = Field(None, validation_alias=AliasChoices("model", "model_name"))
    version: Name | None = Field(None, validation_alias=AliasChoices("version", "model_version"))
    target: Target | None = None


class ScoreOut(BaseModel):
    """How good predictions were."""

    rows: int
    mae: float
    rmse: float
    r2: float | None = Field(description="0: no better than the mean; null where all are alike.")
    bias: float = Field(description="Mean of what was foretold less what was.")
    baseline: float = Field(description="The median of these books: the rule to beat.")
    baseline_mae: float
    gain: float = Field(description="By how much the mean absolute error beats the baseline's.")
    gain_low: float | None = Field(description="Its 95% interval; null of one book.")
    gain_high: float | None
    beats_baseline: bool = Field(description="Whether the whole interval is above 0.")


class ModelScoresOut(BaseModel):
    """How good a model elsewhere is."""

    model: str
    version: str
    target: Target
    sent_at: datetime = Field(description="When the last of its predictions came.")
    all: ScoreOut = Field(description="Over all its predictions.")
    test: ScoreOut | None = Field(
        description="Over the books of the test split, which it should not have seen."
    )


class PriceVersionOut(VersaoOut):
    """A version of the price model in the list."""

    r2: dict[str, float] | None = Field(description="Of the test books, 95% interval.")
    mae: dict[str, float] | None
    rmse: dict[str, float] | None


class PriceCardOut(CartaoOut):
    """The card of a version of the price model."""

    supera_regra_ingenua: bool = Field(description="Whether it is surely better than the mean.")
    aviso: str
