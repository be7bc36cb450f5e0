"""Companies' keys, as far as every request has to know them."""

from datetime import datetime

from chalicelib.core.auth import Principal

PREFIX = "prv_"


def find_principal(secret: str, now: datetime) -> tuple[Principal, datetime] | None:
    """Who a key stands for and until when; None for one that lets nobody in (any more).

    What looks it up is imported with the first key: most functions never see one.
    """
    from chalicelib.credit import service_keys

    return service_keys.find_principal(secret, now)
