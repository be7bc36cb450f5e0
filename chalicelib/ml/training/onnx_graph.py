"""Two rewrites of the graphs that skl2onnx makes, which leave the scores as they are.

ONNX Runtime evaluates a TreeEnsembleClassifier of two classes with a slower path than a
TreeEnsembleRegressor of one target, though the sum of leaves is the same. Explaining a row takes
hundreds of evaluations, so this is worth a fifth of the time.
"""

from __future__ import annotations

from typing import Any

from onnx import helper


def keep_score_only(model: Any) -> Any:
    """Drop the predicted class and all that only it needs; the last output stays.

    Args:
        model: ONNX model, changed in place.

    Returns:
        The same model.
    """
    graph = model.graph
    score = graph.output[-1]
    del graph.output[:-1]
    needed, kept = {score.name}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    _replace(graph.node, reversed(kept))
    _replace(graph.initializer, [each for each in graph.initializer if each.name in needed])
    return model


def sum_binary_trees_once(model: Any) -> Any:
    """Replace each binary tree classifier whose positive column alone is read by a regressor.

    Args:
        model: ONNX model, changed in place. Where the pattern is absent, nothing changes.

    Returns:
        The same model.
    """
    nodes = list(model.graph.node)
    for trees in [node for node in nodes if node.op_type == "TreeEnsembleClassifier"]:
        readers = [node for node in nodes if trees.output[1] in node.input]
        if len(readers) == 1 and _reads_positive_column(readers[0], model) and _is_plain(trees):
            nodes[nodes.index(trees)] = _as_regressor(trees, readers[0].output[0])
            nodes.remove(readers[0])
    _replace(model.graph.node, nodes)
    return model


def _reads_positive_column(node: Any, model: Any) -> bool:
    if node.op_type != "ArrayFeatureExtractor":
        return False
    column = next(each for each in model.graph.initializer if each.name == node.input[1])
    return list(column.int64_data) == [1]


def _is_plain(trees: Any) -> bool:
    """One weight per leaf, and scores as they are."""
    attributes = _attributes(trees)
    one_weight = set(attributes["class_ids"]) == {0}
    return one_weight and attributes["post_transform"] == b"NONE"


def _as_regressor(trees: Any, output: str) -> Any:
    attributes = _attributes(trees)
    kept = {key: value for key, value in attributes.items() if key.startswith(("nodes_", "base_"))}
    return helper.make_node(
        "TreeEnsembleRegressor",
        [trees.input[0]],
        [output],
        name=trees.name,
        domain=trees.domain,
        n_targets=1,
        target_ids=[0] * len(attributes["class_ids"]),
        target_nodeids=attributes["class_nodeids"],
        target_treeids=attributes["class_treeids"],
        target_weights=attributes["class_weights"],
        **kept,
    )


def _attributes(node: Any) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _replace(field: Any, values: Any) -> None:
    """Set a repeated protobuf field."""
    values = list(values)
    del field[:]
    field.extend(values)
