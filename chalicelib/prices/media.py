"""What a dataset's file may be declared as."""

from chalicelib.core.rowfile import CSV, NDJSON

PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = (CSV, NDJSON, PARQUET)
