"""A published model, ready to answer: encoder, ONNX session, explainer.

Only numpy is imported here. ONNX Runtime is imported when the first model is loaded, so that a
process which never scores does not pay for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.artefacts import WidthMismatch, verify_digest
from chalicelib.ml.encoding import Encoder, Table, TargetScaling
from chalicelib.ml.explain import Explainer, Explanation

INPUT_NAME = "rows"
"""Name of a published model's one input, (n, width) float32; its one output ends in the score."""

ROWS_PER_CALL = "rows_per_call"
"""Key of a model's metadata: how many rows at most may be asked at once, for memory's sake."""

MOST_ROWS_PER_CALL = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model that answers raw feature tables; safe to share between threads.

    Attributes:
        encoder: Raw columns -> what the session reads.
        target: How a regression's output returns to its unit; "none" for classifiers.
        explainer: None when the model explains nothing.
        classes: What the columns of `probabilities` stand for; None of regressions, and of
            classifiers that answer with the positive class's probability alone.
        rows_per_call: How many rows the session is asked about at once.
        metadata: Whatever the registry says of it: model, version, algorithm, thresholds.
        memory_bytes: Estimated resident memory.
    """

    encoder: Encoder
    session: Any
    explainer: Explainer | None
    target: TargetScaling
    metadata: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int = 0
    classes: tuple[str, ...] | None = None
    rows_per_call: int = MOST_ROWS_PER_CALL

    def score_rows(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, width) encoded rows -> (n,) scores; a row's score is the same in any batch."""
        return self.target.inverse(self._run(encoded)[:, -1])

    def _run(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, width) encoded rows -> (n, k) outputs of the session."""
        step = self.rows_per_call
        parts = [self._run_few(encoded[i : i + step]) for i in range(0, len(encoded), step)]
        if not parts:
            return np.empty((0, len(self.classes or (None,))))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _run_few(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        # ONNX Runtime multiplies a lone row by a matrix with another kernel than several rows,
        # and the last bit of a linear model's score may differ. So no row is ever alone.
        asked = np.concatenate([encoded, encoded]) if len(encoded) == 1 else encoded
        (answer,) = self.session.run(None, {INPUT_NAME: asked})
        outputs: NDArray[np.float64] = answer[: len(encoded)].astype(np.float64)
        return outputs

    def probability_rows(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, width) encoded rows -> (n, k) probabilities in the order of `classes`.

        Raises:
            ValueError: The model has no classes.
        """
        if self.classes is None:
            raise ValueError("this model has no classes")
        return self._run(encoded)

    def probabilities(self, table: Table) -> NDArray[np.float64]:
        """Raw columns of n rows -> (n, k) probabilities in the order of `classes`.

        Raises:
            ValueError: The model has no classes.
        """
        return self.probability_rows(self.encoder.encode(table))

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Raw columns of n rows -> (n,) probabilities of the positive class, or regressions;
        (n, k) probabilities where the model has classes.
        """
        encoded = self.encoder.encode(table)
        return self.score_rows(encoded) if self.classes is None else self.probability_rows(encoded)

    def score_and_explain(self, table: Table) -> list[Explanation]:
        """Scores with their reasons, one per row; the scores are those of `predict`.

        Where the model has classes, the probability of the row's most probable class is explained.

        Raises:
            ValueError: The model was published without an explainer.
        """
        if self.explainer is None:
            raise ValueError("this model was published without an explainer")
        encoded = self.encoder.encode(table)
        if self.classes is not None:
            return self._explain_classes(self.explainer, encoded)
        return self.explainer.contributions_of_rows(
            self.score_rows, encoded, lambda answers: self.target.inverse(answers[..., -1])
        )

    def _explain_classes(
        self, explainer: Explainer, encoded: NDArray[np.float32]
    ) -> list[Explanation]:
        likeliest = self.probability_rows(encoded).argmax(axis=1)
        found: dict[int, Explanation] = {}
        for answer in np.unique(likeliest).tolist():
            here = np.flatnonzero(likeliest == answer)
            explained = explainer.contributions_of_rows(
                partial(self._chances, answer), encoded[here], partial(_of_class, answer)
            )
            for row, each in zip(here.tolist(), explained, strict=True):
                found[row] = replace(each, answer=answer)
        return [found[row] for row in range(len(encoded))]

    def _chances(self, answer: int, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return _of_class(answer, self.probability_rows(rows))


def _of_class(answer: int, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., k) answers -> those of one class."""
    one: NDArray[np.float64] = answers[..., answer]
    return one


def load_served_model(
    onnx: bytes,
    sha256: str,
    encoder: Mapping[str, Any],
    explainer: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    classes: Sequence[str] | None = None,
) -> ServedModel:
    """Make a model ready from what the registry stores.

    Args:
        onnx: What `training.export.to_onnx` made.
        sha256: Digest of `onnx` in the registry, hexadecimal.
        encoder: `Encoder.to_json()`.
        explainer: `Explainer.to_json()`.
        target: `TargetScaling.to_json()`.
        metadata: Kept as it is.
        classes: What the outputs stand for, of a model that gives each class its probability.

    Raises:
        DigestMismatch: The bytes are not those that were registered.
        WidthMismatch: Model and encoder do not belong together.
    """
    verify_digest(onnx, sha256)
    fitted = Encoder.from_json(encoder)
    session = open_session(onnx)
    width = session.get_inputs()[0].shape[1]
    if width != fitted.width:
        raise WidthMismatch(f"the model reads {width} columns, its encoder writes {fitted.width}")
    return ServedModel(
        encoder=fitted,
        session=session,
        explainer=None if explainer is None else Explainer.from_json(explainer),
        target=TargetScaling() if target is None else TargetScaling.from_json(target),
        metadata=dict(metadata or {}),
        memory_bytes=estimate_memory(len(onnx)),
        classes=None if classes is None else tuple(classes),
        rows_per_call=_rows_per_call(session),
    )


def _rows_per_call(session: Any) -> int:
    """What the exported model says of itself; most say nothing."""
    stored: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    return int(stored.get(ROWS_PER_CALL, MOST_ROWS_PER_CALL))


def open_session(onnx: bytes) -> Any:
    """An ONNX Runtime session that uses the calling thread only, and reports to nobody."""
    # It sends what it runs on to its maker unless this is set when it is first imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def estimate_memory(onnx_bytes: int) -> int:
    """Resident memory of a loaded model, in bytes.

    Measured with ONNX Runtime 1.31 over forests and boostings of 0.1 to 4 MB: 3.5 to 4.1 times the
    file, as the graph is kept beside the trees made of it. The rest is session, encoder, explainer.
    """
    return 131_072 + onnx_bytes * 4
