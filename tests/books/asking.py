"""What answers lead to."""

from chalicelib.core.uploads import object_store
from tests.client import Answer


def ids(answer: Answer) -> list[int]:
    """Of the books, in the order of the answer."""
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["items"]]


def stored(address: str) -> bytes:
    """The object that a signed address of a directory leads to."""
    name = address.partition("?")[0].rpartition("/casa/")[2]
    return object_store().read(f"casa/{name}")
