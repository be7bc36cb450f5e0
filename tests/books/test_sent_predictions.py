"""Predictions that others send, scored by the catalogue."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.auth import Role
from tests.books.catalogue import publish_books, some_books
from tests.books.conftest import rows
from tests.client import Client, assert_problem
from tests.conftest import MakeUser

ML = "/api/v1/ml"


def sent(values: Sequence[tuple[int, float]], **more: Any) -> dict[str, Any]:
    predictions = [{"book_id": book, "value": value} for book, value in values]
    return {"predictions": predictions, "model": "meu", "version": "1", **more}


@pytest.fixture
def scientist(client_of: MakeUser) -> Client:
    return client_of(Role.CIENTISTA)


def test_predictions_are_kept_and_scored_by_the_catalogue(api: Client, scientist: Client) -> None:
    truth = [(number, float(9 + number)) for number in range(1, 26)]
    answer = scientist.post(f"{ML}/predictions", sent([(b, v + 1) for b, v in truth]))
    assert answer.status == 201
    assert answer.json == {
        "stored": 25,
        "model": "meu",
        "version": "1",
        "target": "price",
        "snapshot": 1,
    }
    scientist.post(f"{ML}/predictions", sent([(b, 22.0) for b, _ in truth], version=2))
    page = scientist.get(f"{ML}/predictions/scores").json
    assert (page["total"], [item["version"] for item in page["items"]]) == (2, ["1", "2"])
    good, chance = (item["all"] for item in page["items"])
    assert (good["rows"], good["mae"], good["bias"], good["baseline"]) == (25, 1.0, 1.0, 22.0)
    assert good["r2"] == pytest.approx(1 - 1 / 52)
    assert good["beats_baseline"] is True
    assert (chance["gain"], chance["beats_baseline"]) == (0.0, False)
    tested = page["items"][0]["test"]
    ((expected,),) = rows("SELECT count(*) FROM books WHERE livro_de_teste(upc)")
    assert tested["rows"] == expected


def test_predictions_sent_again_replace_the_old_ones(api: Client, scientist: Client) -> None:
    for value in (10.0, 12.0):
        assert scientist.post(f"{ML}/predictions", sent([(1, value)])).status == 201
    (item,) = scientist.get(f"{ML}/predictions/scores").json["items"]
    assert (item["all"]["rows"], item["all"]["mae"], item["all"]["gain_low"]) == (1, 2.0, None)


def test_predictions_are_scored_by_the_catalogue_they_were_made_of(
    api: Client, scientist: Client, tmp_path: Path
) -> None:
    scientist.post(f"{ML}/predictions", sent([(1, 10.0), (2, 11.0)]))
    changed = [book.model_copy(update={"price": Decimal("99.00")}) for book in some_books()]
    publish_books(tmp_path, changed)
    (item,) = scientist.get(f"{ML}/predictions/scores").json["items"]
    assert item["all"]["mae"] == 0.0


def test_ratings_can_be_foretold_too(api: Client, scientist: Client) -> None:
    body = {
        "model_name": "notas",
        "model_version": 3,
        "target": "rating",
        "predictions": [{"id": 1, "prediction": 1}, {"id": 2, "predicted": 3.5}],
    }
    assert scientist.post(f"{ML}/predictions", body).json["version"] == "3"
    (item,) = scientist.get(f"{ML}/predictions/scores?target=rating&model=notas").json["items"]
    assert item["all"]["mae"] == 0.75
    assert scientist.get(f"{ML}/predictions/scores?target=price").json["items"] == []


def test_a_prediction_of_an_unknown_book_leaves_nothing(api: Client, scientist: Client) -> None:
    refused = scientist.post(f"{ML}/predictions", sent([(1, 1.0), (99, 1.0)]))
    assert_problem(refused, 422, "PredictedBookUnknown")
    assert scientist.get(f"{ML}/predictions/scores").json["total"] == 0


def test_predictions_are_their_senders_own(api: Client, client_of: MakeUser) -> None:
    theirs, ours = client_of(Role.EMPRESA, "outra"), client_of(Role.CIENTISTA)
    assert theirs.post(f"{ML}/predictions", sent([(1, 1.0)])).status == 201
    assert ours.get(f"{ML}/predictions/scores").json["items"] == []
    assert len(theirs.get(f"{ML}/predictions/scores").json["items"]) == 1
    assert_problem(Client().post(f"{ML}/predictions", sent([(1, 1.0)])), 401, "Unauthorized")
    reader = client_of(Role.LEITOR)
    assert_problem(reader.post(f"{ML}/predictions", sent([(1, 1.0)])), 403, "Forbidden")


def test_scores_are_paged(api: Client, scientist: Client) -> None:
    for version in range(5):
        scientist.post(f"{ML}/predictions", sent([(1, 1.0)], version=str(version)))
    address, seen = f"{ML}/predictions/scores?limit=2", list[str]()
    while address:
        page = scientist.get(address).json
        seen += [item["version"] for item in page["items"]]
        address = page["next"]
    assert seen == ["0", "1", "2", "3", "4"]


# The queue.
