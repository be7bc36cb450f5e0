"""Pages of what the installation keeps its things in: database, files, cache."""

from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.pages_requests import SYSTEM
from chalicelib.core.auth import Role
from chalicelib.core.database_figures import database_figures
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.status import check_cache
from chalicelib.core.storage_figures import storage_figures
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.core.web import Routes
from chalicelib.ml.versions import model_cache

KINDS = {
    "auditoria": "Trilhas de auditoria: cabeças e exportações",
    "books": "Livros: coletas, edições, quarentena, treino",
    "credito": "Crédito: lotes e dados de treino",
    "lgpd": "Cópias de dados pessoais, guardadas por um dia",
    "models": "Modelos treinados",
    "precos": "Preços: arquivos e previsões",
    "uploads": "Arquivos enviados",
}

store_pages = Routes(__name__)


@store_pages.route(f"{SYSTEM}/banco", methods=["GET"])
@page(store_pages, tenant=HOUSE, allow=Role.ADMIN, own_transactions=True)
def get_database() -> Shown:
    """The database in numbers."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = database_figures(session)
    return Shown("console/operation/database.html", found=found)


@store_pages.route(f"{SYSTEM}/arquivos", methods=["GET"])
@page(store_pages, tenant=HOUSE, allow=Role.ADMIN, own_transactions=True)
def get_storage() -> Shown:
    """The object store in numbers."""
    with store_must_answer():
        found = storage_figures(object_store())
    return Shown(
        "console/operation/storage.html",
        found=found,
        names=KINDS,
        is_local=settings().objects_url.startswith("file:"),
    )


@store_pages.route(f"{SYSTEM}/cache", methods=["GET"])
@page(store_pages, tenant=HOUSE, allow=Role.ADMIN, own_transactions=True)
def get_cache() -> Shown:
    """The cache in numbers."""
    return Shown(
        "console/operation/cache.html",
        cache=check_cache(with_details=True),
        models=model_cache().stats(),
        most_mb=settings().model_cache_mb,
    )
