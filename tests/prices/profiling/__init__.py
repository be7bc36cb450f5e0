"""Reading files and profiling them."""
