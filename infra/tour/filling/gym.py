"""The demo gym that every installation begins with, some days of work later."""

from datetime import timedelta
from typing import Any

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.jobs import SYSTEM
from chalicelib.core.settings import HOUSE, settings
from chalicelib.gym.service_analyses import ask_for_analyses
from infra.tour.filling.api import Api
from infra.tour.pages import Places

SAID = (
    ("whatsapp", "vai_voltar", "Viajou a trabalho; volta na segunda."),
    ("telefone", "agendou", "Avaliação marcada com a professora."),
    ("whatsapp", "sem_resposta", ""),
    ("presencial", "conversou", "Prefere treinar antes das oito."),
    ("whatsapp", "vai_voltar", "Pediu um treino mais curto."),
)
TO_DO = 4
REPORT_DAYS = 7


def fill_gym(admin: Api) -> Places:
    """Train a second version, report on a week, and speak with some of those at risk."""
    admin.finished(admin.post("/admin/atualizar-modelo")["id"])
    admin.all_finished()
    today = local_day(utc_now(), settings().local_timezone)
    for days in range(2, REPORT_DAYS + 1):
        admin.post("/admin/relatorios", {"data": (today - timedelta(days=days)).isoformat()})
    _speak(admin, admin.get("/retencao/fila", capacidade=40)["items"], today)
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_analyses(session, owner=SYSTEM)
    admin.all_finished()
    return {"aluno": str(_falling(admin)["aluno_id"])}


def _speak(admin: Api, people: list[dict[str, Any]], today: Any) -> None:
    """Contacts that were made, from the end of the list, and some that are to be made."""
    for (way, outcome, note), one in zip(SAID, people[-len(SAID) :], strict=False):
        said = {"aluno_id": one["aluno_id"], "canal": way, "desfecho": outcome}
        admin.post("/retencao/contatos", said | ({"nota": note} if note else {}))
    for one in people[-len(SAID) - TO_DO : -len(SAID)]:
        due = (today + timedelta(days=2)).isoformat()
        asked = {"aluno_id": one["aluno_id"], "canal": "whatsapp", "prazo": due}
        admin.post("/retencao/contatos", asked)


def _falling(admin: Api) -> dict[str, Any]:
    """Of those at risk one who has come for long, so that there is a rhythm to see."""
    people: list[dict[str, Any]] = admin.get("/retencao/fila", capacidade=8)["items"]
    return max(people, key=lambda one: admin.get(f"/aluno/{one['aluno_id']}/frequencia")["total"])
