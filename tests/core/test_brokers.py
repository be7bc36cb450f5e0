"""Addresses of brokers."""

import pytest

from chalicelib.core.brokers import BrokerAddress, UnknownBroker


@pytest.mark.parametrize(
    "url",
    [
        "",
        "kafka://here",
        "jobs://?prefix=x",
        "amqp://guest@here:port/",
        "amqp://here?heartbeat=3",
        "sqs://?endpoint=localhost:4566",
    ],
)
def test_an_address_that_no_client_could_take_is_refused(url: str) -> None:
    with pytest.raises(UnknownBroker):
        BrokerAddress.of(url)


def test_our_options_are_taken_out_of_a_brokers_address() -> None:
    found = BrokerAddress.of("amqps://a:b%40@here:5671/v%2Fh?prefix=previsto-")
    assert (found.url, found.name_of("q")) == ("amqps://a:b%40@here:5671/v%2Fh", "previsto-q")


def test_sqs_may_be_elsewhere() -> None:
    found = BrokerAddress.of("sqs://?region=sa-east-1&endpoint=http://127.0.0.1:9324")
    assert (found.region, found.endpoint) == ("sa-east-1", "http://127.0.0.1:9324")
