"""The kernel every product stands on; it knows no product."""
