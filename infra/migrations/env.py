"""Alembic's environment: one connection, as the owner of the schema."""

import importlib

from alembic import context
from sqlalchemy import text

from chalicelib.core.db import Base
from chalicelib.core.pg import make_engine

TABLE_MODULES = (
    "chalicelib.core.audit",
    "chalicelib.core.idempotency",
    "chalicelib.core.jobs",
    "chalicelib.core.imports",
    "chalicelib.core.route_minutes",
    "chalicelib.core.uploads",
    "chalicelib.identity.tables",
    "chalicelib.ml.registry",
    "chalicelib.ml.promotion",
    "chalicelib.credit.tables",
    "chalicelib.credit.tables_companies",
    "chalicelib.credit.tables_decisions",
    "chalicelib.credit.tables_models",
    "chalicelib.gym.tables",
    "chalicelib.gym.tables_retention",
    "chalicelib.books.tables",
    "chalicelib.books.tables_ml",
    "chalicelib.books.tables_scraping",
    "chalicelib.prices.tables",
    "chalicelib.prices.tables_models",
    "chalicelib.prices.tables_predictions",
)


def run() -> None:
    """Run the migrations that were asked for, all in one transaction."""
    for module in TABLE_MODULES:
        importlib.import_module(module)
    attributes = context.config.attributes
    engine = make_engine(attributes["url"], pool_size=0)
    with engine.connect() as connection:
        connection.execute(text(f"SET ROLE {attributes['owner']}"))
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
