"""Names for the arrays the simulation passes around."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
"""Real numbers; float64 for states, float32 for the large tables of chances."""

Ints = NDArray[np.signedinteger]
"""Indices, local days since 1970-01-01, or seconds since 1970-01-01, as the name says."""

Bools = NDArray[np.bool_]

Instants = NDArray[np.datetime64]
"""datetime64[us] in UTC; NaT where nothing happened."""

Texts = NDArray[np.str_]

NEVER = 2**30
"""A local day later than any window (the year 2.9 million)."""
