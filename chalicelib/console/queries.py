"""Queries of pages: as a form sends them, which differs from how a program asks."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator

from chalicelib.core.pages import PageQuery


class FormQuery(BaseModel):
    """What stands in the address of a page: what was left empty is not said, and what no page
    knows (campaigns put words into addresses) is passed over.
    """

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _as_said(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        bare = {n: v.strip() if isinstance(v, str) else v for n, v in given.items()}
        return {name: value for name, value in bare.items() if value != ""}


class PartQuery(PageQuery, FormQuery):
    """Which part of a list."""
