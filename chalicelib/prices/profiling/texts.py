"""What a column of text is like: its values counted, of very many different ones only some."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from heapq import nsmallest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.prices.values import MISSING_MARKS

MOST_COUNTED = 50_000
"""Different texts of a column that are counted; of more, those that came first."""


@dataclass
class Texts:
    """What the values of a text column are like.

    Attributes:
        counts: Text -> rows; of some fifty thousand different ones.
        seen: Hashes of all different values of each chunk.
        present: Rows with a value.
        absent: How absence is written -> rows.
        characters: Of all values together.
        longest: Of one.
        spaced: Rows whose value has a blank in it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    seen: "array[int]" = field(default_factory=lambda: array("q"))
    present: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    longest: int = 0
    spaced: int = 0

    def add(self, chunk: pa.Array) -> None:
        """Count some more."""
        encoded = chunk.dictionary_encode(null_encoding="encode")
        values = pc.fill_null(encoded.dictionary, "")
        weights = np.bincount(encoded.indices.to_numpy(), minlength=len(values))
        missing = pc.is_in(pc.utf8_lower(values), pa.array(sorted(MISSING_MARKS)))
        is_missing = missing.to_numpy(zero_copy_only=False)
        lengths = pc.utf8_length(values).to_numpy()
        spaced = pc.match_substring(values, " ").to_numpy(zero_copy_only=False)
        self.characters += int((lengths * weights)[~is_missing].sum())
        self.longest = max(self.longest, int(lengths[~is_missing].max(initial=0)))
        self.spaced += int(weights[spaced & ~is_missing].sum())
        for text, rows, absent in zip(
            values.to_pylist(), weights.tolist(), is_missing, strict=True
        ):
            if absent:
                self.absent[text] += rows
            else:
                self._count(text, rows)

    def _count(self, text: str, rows: int) -> None:
        self.present += rows
        self.seen.append(hash(text))
        if text in self.counts or len(self.counts) < MOST_COUNTED:
            self.counts[text] += rows

    @property
    def distinct(self) -> int:
        """Different values, by their hash."""
        if len(self.counts) < MOST_COUNTED:
            return len(self.counts)
        hashes = np.frombuffer(self.seen, np.int64)
        hashes.sort()
        return 1 + int(np.count_nonzero(hashes[1:] != hashes[:-1]))

    def most_frequent(self, most: int) -> list[tuple[str, int]]:
        """Texts and their rows, the most frequent first; of many, only those that repeat."""
        few = len(self.counts) <= most
        kept = ((text, rows) for text, rows in self.counts.items() if rows > 1 or few)
        return nsmallest(most, kept, key=lambda each: (-each[1], each[0]))
