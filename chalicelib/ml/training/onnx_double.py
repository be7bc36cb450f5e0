"""Models as ONNX graphs that compute in float64, as scikit-learn does.

skl2onnx computes nearest neighbours, support vectors and networks in float32. Support vectors add
thousands of terms of either sign, and neighbours decide by the order of distances, so float32
misses 1e-5 there by far; it also sums trees in float32. A few operators in float64 need no such
tolerance, and cost no more for the single rows that are served. Input and output are as everywhere:
"rows" (n, width) float32, and one output (n, k).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from chalicelib.ml.links import Link
from chalicelib.ml.serving import INPUT_NAME, ROWS_PER_CALL
from chalicelib.ml.training.export import Exporter, all_answers
from chalicelib.ml.training.models import (
    Affine,
    Computed,
    Kernel,
    Kernels,
    Layers,
    Nearest,
    Rule,
    computed,
    structure_of,
)
from chalicelib.ml.training.neighbours import LEAST_REACH, SOFTENING, TIE
from chalicelib.ml.trees import Trees

OPSET = (helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3))
ONNX_IR = 9
MOST_CELLS = 4_000_000  # Of a matrix of distances: 32 MB.
_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def to_double_onnx(estimator: Any, width: int) -> bytes:
    """Export a fitted estimator that reads (n, width) rows.

    Returns:
        A model whose one output is (n, 1) of a regression, (n, k) probabilities of a classifier.

    Raises:
        NoRule: It computes by no rule known here.
    """
    model = computed(estimator)
    graph = _Graph()
    answers = graph.linked(graph.margins(model.rule), model.link)
    return graph.model(answers, width, _rows_per_call(model))


def _rows_per_call(model: Computed) -> int | None:
    """How many rows may be asked at once, where each takes much memory."""
    if isinstance(model.rule, Nearest):
        return max(2, MOST_CELLS // len(model.rule.points))
    if isinstance(model.rule, Kernels):
        vectors = max(len(each.vectors) for each in model.rule.decisions)
        return max(2, MOST_CELLS // max(vectors, 1))
    return None


EXACT = Exporter(to_double_onnx, all_answers, structure_of)
"""In float64, all classes, with reasons that stay cheap on wide tables."""


class _Graph:
    """Collects nodes and constants; every method gives the name of what it added."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._rows = self._add("Cast", INPUT_NAME, to=TensorProto.DOUBLE)

    def _add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"v{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0]

    def _constant(self, value: Any, dtype: Any = np.float64) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def model(self, output: str, width: int, rows_per_call: int | None) -> bytes:
        """The serialised model that gives `output`."""
        rows = helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, width])
        answer = helper.make_tensor_value_info(output, TensorProto.DOUBLE, [None, None])
        graph = helper.make_graph(self._nodes, "model", [rows], [answer], self._constants)
        made = helper.make_model(graph, opset_imports=OPSET, ir_version=ONNX_IR)
        if rows_per_call is not None:
            helper.set_model_props(made, {ROWS_PER_CALL: str(rows_per_call)})
        checker.check_model(made)
        data: bytes = made.SerializeToString()
        return data

    def margins(self, rule: Rule) -> str:
        """(n, k) margins."""
        if isinstance(rule, Affine):
            return self._affine(self._rows, rule)
        if isinstance(rule, Layers):
            return self._layers(rule)
        if isinstance(rule, Nearest):
            return self._nearest(rule)
        if isinstance(rule, Trees):
            return self._trees(rule)
        return self._kernels(rule)

    def linked(self, margins: str, link: Link) -> str:
        """(n, k) answers."""
        first = margins
        if link.kind == "sigmoid":
            first = self._two(self._add("Sigmoid", margins))
        elif link.kind == "softmax":
            first = self._add("Softmax", margins, axis=1)
        return self._calibrated(first, link) if link.slopes else first

    def _calibrated(self, values: str, link: Link) -> str:
        if len(link.slopes) == 1:
            values = self._add("Gather", values, self._constant([-1], np.int64), axis=1)
        scaled = self._add("Mul", values, self._constant(-np.array(link.slopes)))
        chances = self._add(
            "Sigmoid", self._add("Sub", scaled, self._constant(np.array(link.offsets)))
        )
        return self._two(chances) if len(link.slopes) == 1 else self._shared(chances)

    def _two(self, positive: str) -> str:
        other = self._add("Sub", self._constant([1.0]), positive)
        return self._add("Concat", other, positive, axis=1)

    def _shared(self, chances: str) -> str:
        # All zero happens only where every curve has underflowed; then all classes are alike.
        floored = self._add("Max", chances, self._constant([np.finfo(np.float64).tiny]))
        total = self._add("ReduceSum", floored, self._constant([1], np.int64), keepdims=1)
        return self._add("Div", floored, total)

    def _affine(self, rows: str, rule: Affine) -> str:
        product = self._add("MatMul", rows, self._constant(rule.coefficients))
        return self._add("Add", product, self._constant(rule.intercepts))

    def _layers(self, rule: Layers) -> str:
        values = self._affine(self._rows, rule.layers[0])
        for layer in rule.layers[1:]:
            values = self._affine(self._add(_ACTIVATIONS[rule.activation], values), layer)
        return values

    def _squared(self, points: NDArray[np.float64]) -> tuple[str, str]:
        """(n, p) squared distances, never negative, and (n, 1) squared lengths of the rows."""
        axis = self._constant([1], np.int64)
        lengths = self._add("ReduceSumSquare", self._rows, axis, keepdims=1)
        products = self._add("MatMul", self._rows, self._constant(-2.0 * points.T))
        of_points = self._constant((points**2).sum(axis=1))
        squared = self._add("Add", self._add("Add", products, lengths), of_points)
        return self._add("Max", squared, self._constant([0.0])), lengths

    def _kernels(self, rule: Kernels) -> str:
        decisions = [self._kernel(each) for each in rule.decisions]
        return self._add("Concat", *decisions, axis=1) if len(decisions) > 1 else decisions[0]

    def _kernel(self, one: Kernel) -> str:
        if one.gamma is None:
            weights = one.vectors.T @ one.duals[:, np.newaxis]
            return self._affine(self._rows, Affine(weights, np.array([one.intercept])))
        squared, _ = self._squared(one.vectors)
        alike = self._add("Exp", self._add("Mul", squared, self._constant([-one.gamma])))
        return self._affine_of(alike, one.duals[:, np.newaxis], one.intercept)

    def _affine_of(self, values: str, weights: NDArray[np.float64], intercept: float) -> str:
        product = self._add("MatMul", values, self._constant(weights))
        return self._add("Add", product, self._constant([intercept]))

    def _nearest(self, rule: Nearest) -> str:
        squared, lengths = self._squared(rule.points)
        nearest = self._add(
            "TopK", squared, self._constant([rule.count], np.int64), outputs=2, largest=0, axis=1
        )
        axis = self._constant([1], np.int64)
        last = self._add("ReduceMax", nearest, axis, keepdims=1)
        size = self._add("Add", lengths, self._constant([1.0]))
        bound = self._add("Add", last, self._add("Mul", size, self._constant([TIE])))
        weights = self._add("Cast", self._add("LessOrEqual", squared, bound), to=TensorProto.DOUBLE)
        if rule.by_distance:
            reach = self._add("Mul", self._add("Sqrt", last), self._constant([SOFTENING]))
            reach = self._add("Max", reach, self._constant([LEAST_REACH]))
            weights = self._add("Div", weights, self._add("Add", self._add("Sqrt", squared), reach))
        sums = self._add("MatMul", weights, self._constant(rule.values))
        return self._add("Div", sums, self._add("ReduceSum", weights, axis, keepdims=1))

    def _trees(self, trees: Trees) -> str:
        tree_of = np.searchsorted(trees.roots, np.arange(len(trees.feature)), side="right") - 1
        first = trees.roots[tree_of]
        leaf = trees.feature < 0
        children = {
            "nodes_truenodeids": np.where(leaf, 0, trees.left - first),
            "nodes_falsenodeids": np.where(leaf, 0, trees.right - first),
            "nodes_treeids": tree_of,
            "nodes_nodeids": np.arange(len(trees.feature)) - first,
            "nodes_featureids": np.where(leaf, 0, trees.feature),
            "target_treeids": tree_of[trees.leaf],
            "target_nodeids": trees.leaf - first[trees.leaf],
            "target_ids": trees.margin,
        }
        summed = self._add(
            "TreeEnsembleRegressor",
            self._rows,
            domain="ai.onnx.ml",
            n_targets=len(trees.base),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_values_as_tensor=_tensor(np.where(leaf, 0.0, trees.threshold)),
            target_weights_as_tensor=_tensor(trees.weight),
            **{name: values.astype(np.int64).tolist() for name, values in children.items()},
        )
        # The operator answers in float32 whatever it computes in, unless told by what follows.
        doubled = self._add("Cast", summed, to=TensorProto.DOUBLE)
        return self._add("Add", doubled, self._constant(trees.base))


def _tensor(values: NDArray[np.float64]) -> Any:
    return numpy_helper.from_array(values, "values")
