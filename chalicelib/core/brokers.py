"""Addresses of brokers, as `QUEUE_URL` writes them."""

from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

OPTIONS = {
    "jobs": frozenset[str](),
    "amqp": frozenset({"prefix"}),
    "amqps": frozenset({"prefix"}),
    "sqs": frozenset({"prefix", "region", "endpoint"}),
}


class UnknownBroker(ValueError):
    """QUEUE_URL must be jobs:// (the jobs table), amqp://user:password@host:port/vhost or
    sqs://?region=&endpoint=http://...; the last two take prefix= for the names of queues."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is, and how queues are called there.

    Attributes:
        scheme: `jobs`, `amqp`, `amqps` or `sqs`.
        url: The address without our options, for the broker's own client.
        prefix: Goes before every queue's name.
        region: AWS region of SQS, where it is not the environment's.
        endpoint: Base URL of a server that speaks SQS but is not AWS.
    """

    scheme: str
    url: str
    prefix: str = ""
    region: str | None = None
    endpoint: str | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address.

        Raises:
            UnknownBroker: It names no broker known here, or options it does not have.
        """
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if not _is_known(parts, options):
            raise UnknownBroker(" ".join((UnknownBroker.__doc__ or "").split()))
        return cls(parts.scheme, urlunsplit(parts._replace(query="")), **options)

    def name_of(self, queue: str) -> str:
        """A queue's name at this broker."""
        return f"{self.prefix}{queue}"


def _is_known(parts: SplitResult, options: dict[str, str]) -> bool:
    """Whether the parts of an address are such that a client of the broker can take them."""
    try:
        _ = parts.port
    except ValueError:
        return False
    known = OPTIONS.get(parts.scheme)
    is_web = urlsplit(options.get("endpoint", "http://here")).scheme in ("http", "https")
    return known is not None and not options.keys() - known and is_web
