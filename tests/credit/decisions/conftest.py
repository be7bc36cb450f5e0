"""What tests of decisions begin with."""

from collections.abc import Callable

import pytest

from tests.credit.companies import Company, sign_up_company

__all__ = ["Company", "MakeCompany"]

MakeCompany = Callable[..., Company]


@pytest.fixture
def make_company(environment: dict[str, str]) -> MakeCompany:
    """Signs companies up."""
    return sign_up_company


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A company."""
    return make_company()
