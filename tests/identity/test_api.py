"""Signing in and renewing under `/api/v1`: by other names, with the same refusals and limits."""

import pytest

from chalicelib.core import ratelimit
from tests.client import Client, assert_problem
from tests.conftest import PASSWORD

FORM = "application/x-www-form-urlencoded"
LOGIN, REFRESH = "/api/v1/auth/login", "/api/v1/auth/refresh"


def test_json_and_form_sign_in_by_the_names_that_clients_use(
    anonymous: Client, desk: Client
) -> None:
    form = f"username={desk.login}&password={PASSWORD}"
    answers = [
        anonymous.post(LOGIN, form.encode(), content_type=FORM),
        anonymous.post(LOGIN, {"username": desk.login, "password": PASSWORD}),
        anonymous.post(LOGIN, {"email": desk.login, "senha": PASSWORD, "remember": True}),
    ]
    for answer in answers:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        me = Client(answer.json["access_token"]).get("/auth/eu").json
        assert me["login"] == desk.login


def test_refusals_are_those_of_the_other_address(anonymous: Client, desk: Client) -> None:
    wrong = {"username": desk.login, "password": "errada-errada"}
    for _ in range(5):
        assert_problem(anonymous.post(LOGIN, wrong), 401, "CredentialsWrong")
    locked = {"username": desk.login, "password": PASSWORD}
    assert_problem(anonymous.post(LOGIN, locked), 429, "LoginLocked")
    assert_problem(anonymous.post("/auth/token", locked), 429, "LoginLocked")
    assert_problem(anonymous.post(LOGIN, {"username": "a"}), 422, "ValidationFailed")
    assert_problem(anonymous.post(LOGIN, b"{"), 400, "BadRequest")


def test_tokens_are_renewed_by_body_or_by_bearer(anonymous: Client, desk: Client) -> None:
    signed_in = anonymous.post(LOGIN, {"username": desk.login, "password": PASSWORD}).json
    by_body = anonymous.post(REFRESH, {"refresh_token": signed_in["refresh_token"]})
    assert by_body.status == 200
    by_bearer = Client(by_body.json["refresh_token"]).post(REFRESH)
    assert by_bearer.status == 200
    form = f"refresh_token={by_bearer.json['refresh_token']}"
    by_form = anonymous.post(REFRESH, form.encode(), content_type=FORM)
    assert by_form.status == 200
    assert Client(by_form.json["access_token"]).get("/auth/eu").status == 200


def test_what_is_no_refresh_token_renews_nothing(anonymous: Client, desk: Client) -> None:
    signed_in = anonymous.post(LOGIN, {"username": desk.login, "password": PASSWORD}).json
    access = Client(signed_in["access_token"])
    told = assert_problem(access.post(REFRESH), 401, "RefreshTokenInvalid")
    assert "not the access token" in told["detail"]
    mistaken = {"refresh_token": signed_in["access_token"]}
    assert_problem(anonymous.post(REFRESH, mistaken), 401, "RefreshTokenInvalid")
    assert_problem(anonymous.post(REFRESH), 422, "ValidationFailed")
    assert_problem(anonymous.post(REFRESH, {"refresh_token": "x"}), 401, "RefreshTokenInvalid")


@pytest.mark.parametrize(("ours", "theirs"), [(LOGIN, "/auth/token"), (REFRESH, "/auth/refresh")])
def test_who_asks_at_both_addresses_is_counted_once(
    anonymous: Client, ours: str, theirs: str
) -> None:
    ratelimit.request_counter.cache_clear()
    left = []
    for path in (ours, theirs, ours):
        answer = anonymous.post(path, {})
        _, own = answer.headers["RateLimit"].split(", ")
        left.append(int(own.split("r=")[1].split(";")[0]))
    assert left == [left[0], left[0] - 1, left[0] - 2]
