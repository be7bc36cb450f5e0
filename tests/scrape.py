"""Reading `/metrics` as a Prometheus does."""

from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, tuple[str, ...]], float]


def series(text: str) -> Series:
    """Every sample but those of buckets: name and values of its labels, in their names' order."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                found[sample.name, labels] = sample.value
    return found
