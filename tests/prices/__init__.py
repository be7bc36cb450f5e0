"""The prices."""
