"""The page where people change their own password."""

from datetime import datetime

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import SIGN_IN, page
from chalicelib.console.visits import Visit
from chalicelib.core.calls import Reply
from chalicelib.core.web import EVERYONE, Routes
from chalicelib.identity import service
from chalicelib.identity.errors import NotAUser, PasswordWrong
from chalicelib.identity.routes import SIGN_INS
from chalicelib.identity.schemas import SenhaIn

PATH = "/console/senha"

password_page = Routes(__name__)


def show_password(form: Form) -> Shown:
    """The form for a new password."""
    return Shown("console/password.html", form=form)


@password_page.route(PATH, methods=["GET"])
@page(password_page, allow=EVERYONE, own_transactions=True)
def get_password(form: Form) -> Shown:
    """The form for a new password."""
    return show_password(form)


@password_page.route(PATH, methods=["POST"])
@page(
    password_page,
    allow=EVERYONE,
    again=show_password,
    raises=(NotAUser, PasswordWrong),
    own_transactions=True,
    limit=SIGN_INS,
    counted_as="put_senha",
)
def post_password(visit: Visit, form: Form, now: datetime) -> Reply:
    """Change it; every sign-in ends, this one too."""
    service.change_own_password(visit.who, form.read(SenhaIn), now)
    visit.end()
    return visit.go(SIGN_IN, "A senha foi trocada. Entre com a nova.")
