"""A published model, ready to answer: encoder, ONNX session, explainer.

Only numpy is imported here. ONNX Runtime is imported when the first model is loaded, so that a
process which never scores does not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.ml.artefacts import WidthMismatch, verify_digest
from chalicelib.ml.encoding import Encoder, Table, TargetScaling
from chalicelib.ml.explain import Explainer, Explanation

INPUT_NAME = "rows"
"""Name of a published model's one input, (n, width) float32; its one output ends in the score."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model that answers raw feature tables; safe to share between threads.

    Attributes:
        encoder: Raw columns -> what the session reads.
        target: How a regression's output returns to its unit; "none" for classifiers.
        explainer: None when the model explains nothing.
        metadata: Whatever the registry says of it: model, version, algorithm, thresholds.
        memory_bytes: Estimated resident memory.
    """

    encoder: Encoder
    session: Any
    explainer: Explainer | None
    target: TargetScaling
    metadata: Mapping[str, Any] = field(default_factory=dict)
    memory_bytes: int = 0

    def score_rows(self, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, width) encoded rows -> (n,) scores; a row's score is the same in any batch."""
        if not len(encoded):
            return np.empty(0)
        # ONNX Runtime multiplies a lone row by a matrix with another kernel than several rows,
        # and the last bit of a linear model's score may differ. So no row is ever alone.
        asked = np.concatenate([encoded, encoded]) if len(encoded) == 1 else encoded
        (answer,) = self.session.run(None, {INPUT_NAME: asked})
        scores: NDArray[np.float64] = answer[: len(encoded), -1].astype(np.float64)
        return self.target.inverse(scores)

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Raw columns of n rows -> (n,) probabilities of the positive class, or regressions."""
        return self.score_rows(self.encoder.encode(table))

    def score_and_explain(self, table: Table) -> list[Explanation]:
        """Scores with their reasons, one per row; the scores are those of `predict`.

        Raises:
            ValueError: The model was published without an explainer.
        """
        if self.explainer is None:
            raise ValueError("this model was published without an explainer")
        return self.explainer.contributions_of_rows(self.score_rows, self.encoder.encode(table))


def load_served_model(
    onnx: bytes,
    sha256: str,
    encoder: Mapping[str, Any],
    explainer: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ServedModel:
    """Make a model ready from what the registry stores.

    Args:
        onnx: What `training.export.to_onnx` made.
        sha256: Digest of `onnx` in the registry, hexadecimal.
        encoder: `Encoder.to_json()`.
        explainer: `Explainer.to_json()`.
        target: `TargetScaling.to_json()`.
        metadata: Kept as it is.

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
    )


def open_session(onnx: bytes) -> Any:
    """An ONNX Runtime session that uses the calling thread only."""
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
