"""A file of rows read once, whatever wrote it, kept as Parquet and profiled, with flat memory.

`decoding` and `csv_source` read text, `sources` gives any file as batches of columns, `reading`
finds out what a text column holds, `conversion` writes the Parquet, `summaries` and `relations` say
what is in it, `job` does all of it, `frame` gives the rows back as the encoder takes them.

Needs pyarrow, which the API does not carry: only `functions` reaches this package.
"""
