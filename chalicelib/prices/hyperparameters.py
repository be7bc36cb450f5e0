"""Hyperparameters by algorithm: bounds, defaults, units. The names are scikit-learn's own.

Targets of regressions are standardised before any estimator sees them, so that `alpha`, `epsilon`
and `C` mean the same for a price in cents and one in millions. Numbers are scaled by the encoder.

Defaults are what one would begin with by hand, held where an artefact would outgrow the model
cache or a fit its job; each such bound says so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.core.types import Strict

Depth = Annotated[int, Field(ge=1, le=64, description="Levels of a tree.")]
LeafRows = Annotated[int, Field(ge=1, le=10_000, description="Rows that a leaf has at least.")]
Leaves = Annotated[int, Field(ge=2, le=65_536, description="Leaves of a tree at most.")]
Share = Annotated[float, Field(gt=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1, description="Share of each tree's correction kept.")]
Penalty = Annotated[float, Field(ge=0, le=1e6)]
Inverse = Annotated[
    float, Field(gt=0, le=1e6, description="Inverse strength of the penalty; less is stronger.")
]
FEATURES = "Share of the encoded columns a split chooses among, or its root or logarithm."
MOST_ROWS_NEIGHBOURS = 20_000
MOST_ROWS_SUPPORT = 10_000


class Hiperparametros(Strict):
    """Of one algorithm for one kind of task; what is left out has its default."""


class Ingenuo(Hiperparametros):
    """One answer for every row, learned from the training targets."""

    strategy: Literal["mean", "median"] = "mean"


class IngenuoClasses(Hiperparametros):
    """The classes' shares among the training rows, for every row."""


class Linear(Hiperparametros):
    """Least squares without a penalty."""

    fit_intercept: bool = True


class Logistica(Hiperparametros):
    """Logistic regression, multinomial where there are more than two classes."""

    C: Inverse = 1.0
    max_iter: int = Field(1000, ge=50, le=10_000, description="Steps of the solver at most.")


class Ridge(Hiperparametros):
    """Penalised by squared coefficients."""

    alpha: Penalty = Field(10.0, description="Strength of the penalty.")


class Lasso(Hiperparametros):
    """Penalised by absolute coefficients: some become zero."""

    alpha: float = Field(
        0.001, gt=0, le=100, description="Strength, in standard deviations of the target."
    )
    max_iter: int = Field(5000, ge=100, le=50_000, description="Sweeps over the columns at most.")


class RedeElastica(Lasso):
    """Penalised by both."""

    l1_ratio: float = Field(0.5, ge=0.01, le=1, description="Share of the absolute penalty.")


class RidgeClasses(Hiperparametros):
    """Logistic regression under a stronger quadratic penalty."""

    alpha: float = Field(10.0, gt=0, le=1e6, description="Strength of the penalty, 1 / C.")
    max_iter: int = Field(1000, ge=50, le=10_000, description="Steps of the solver at most.")


class LassoClasses(Hiperparametros):
    """Logistic regression under an absolute penalty: some coefficients become zero."""

    C: Inverse = 1.0
    max_iter: int = Field(300, ge=50, le=10_000, description="Sweeps over the rows at most.")


class RedeElasticaClasses(LassoClasses):
    """Logistic regression under both penalties."""

    l1_ratio: float = Field(0.5, ge=0, le=1, description="Share of the absolute penalty.")


class Vizinhos(Hiperparametros):
    """The mean of the nearest training rows; those as near as the last one count too."""

    n_neighbors: int = Field(10, ge=1, le=200, description="Rows.")
    weights: Literal["uniform", "distance"] = Field(
        "distance", description="Whether nearer rows count more."
    )
    max_linhas: int = Field(
        MOST_ROWS_NEIGHBOURS,
        ge=100,
        le=50_000,
        description="Training rows kept, drawn by the seed: they are stored with the model.",
    )


class Vetores(Hiperparametros):
    """Support vectors; fitting takes time by the square of the rows."""

    C: float = Field(3.0, gt=0, le=1e5, description="Weight of errors against smoothness.")
    epsilon: float = Field(
        0.05, ge=0, le=10, description="Errors that cost nothing, in deviations of the target."
    )
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: Annotated[float, Field(gt=0, le=1e3)] | Literal["scale"] = Field(
        "scale", description="Inverse squared reach of a vector; `scale` follows the columns."
    )
    max_linhas: int = Field(
        MOST_ROWS_SUPPORT,
        ge=100,
        le=20_000,
        description="Training rows used, drawn by the seed; the report says when it drew.",
    )


class VetoresClasses(Hiperparametros):
    """Support vectors, a model per class against the others, calibrated to probabilities."""

    C: float = Field(1.0, gt=0, le=1e5, description="Weight of errors against smoothness.")
    kernel: Literal["rbf", "linear"] = "rbf"
    gamma: Annotated[float, Field(gt=0, le=1e3)] | Literal["scale"] = "scale"
    max_linhas: int = Field(
        MOST_ROWS_SUPPORT,
        ge=100,
        le=20_000,
        description="Training rows used, drawn by the seed; the report says when it drew.",
    )


class Arvore(Hiperparametros):
    """One tree."""

    max_depth: Depth | None = 8
    min_samples_leaf: LeafRows = 5
    max_leaf_nodes: Leaves | None = None
    ccp_alpha: float = Field(0.0, ge=0, le=1, description="Cost of a leaf, for pruning.")


class Floresta(Hiperparametros):
    """Many deep trees, averaged."""

    n_estimators: int = Field(200, ge=10, le=1000, description="Trees.")
    max_depth: Depth | None = None
    min_samples_leaf: LeafRows = 1
    max_features: Share | Literal["sqrt", "log2"] = Field(0.5, description=FEATURES)
    max_leaf_nodes: Leaves | None = Field(
        None, description="Null: as many as keep all trees together below 250,000 leaves."
    )


class FlorestaClasses(Floresta):
    """Many deep trees, averaged."""

    max_features: Share | Literal["sqrt", "log2"] = Field("sqrt", description=FEATURES)


class Gradiente(Hiperparametros):
    """Shallow trees, each correcting those before."""

    n_estimators: int = Field(200, ge=10, le=2000, description="Trees.")
    learning_rate: Rate = 0.05
    max_depth: int = Field(3, ge=1, le=12, description="Levels of a tree.")
    min_samples_leaf: LeafRows = 5
    subsample: Share = Field(0.8, description="Share of the rows that each tree is grown on.")
    max_features: Share | Literal["sqrt", "log2"] = Field(0.5, description=FEATURES)


class HistogramaGradiente(Hiperparametros):
    """The same over binned values: fast on many rows."""

    max_iter: int = Field(150, ge=10, le=2000, description="Trees (per class).")
    learning_rate: Rate = 0.06
    max_leaf_nodes: Annotated[int, Field(ge=2, le=255)] = Field(31, description="Per tree.")
    max_depth: Depth | None = None
    min_samples_leaf: LeafRows | None = Field(
        None, description="Null: a tenth of the training rows, at least 5 and at most 20."
    )
    l2_regularization: Penalty = Field(1.0, description="Shrinks small leaves.")
    max_bins: int = Field(255, ge=8, le=255, description="Values that a column is told apart by.")
    max_features: Share | None = Field(
        None,
        description="Share of the encoded columns a split chooses among. Null: half up to 10,000 "
        "training rows, all beyond.",
    )


class RedeNeural(Hiperparametros):
    """A network of fully connected layers, fitted by Adam."""

    hidden_layer_sizes: list[Annotated[int, Field(ge=1, le=512)]] = Field(
        default=[64, 32], min_length=1, max_length=4, description="Units per hidden layer."
    )
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    alpha: Penalty = Field(0.001, description="Quadratic penalty.")
    learning_rate_init: float = Field(0.001, gt=0, le=1, description="Size of the first steps.")
    batch_size: int = Field(128, ge=8, le=4096, description="Rows per step.")
    max_iter: int = Field(100, ge=10, le=2000, description="Passes over the rows at most.")
