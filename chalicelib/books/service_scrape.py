"""A run: read the shop, put aside what cannot be read, judge, make it the catalogue.

The site is read and files are stored with no transaction open; the catalogue changes in one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chalicelib.books import dump_files, merging, run_record
from chalicelib.books.addresses import Site, allowed_site, is_literal, require_reachable
from chalicelib.books.crawl import crawl
from chalicelib.books.dump_files import MEDIA_TYPES, DumpFile
from chalicelib.books.edition import newest_edition
from chalicelib.books.found import Found
from chalicelib.books.judgement import Current, judge
from chalicelib.books.merging import Merged, Planned
from chalicelib.books.schemas import DumpFormat, RunState, ScrapeMessage, ScrapeReport
from chalicelib.books.service_training import ask_for_training
from chalicelib.books.tables_scraping import ScrapeRun, Snapshot
from chalicelib.core import audit
from chalicelib.core.clock import utc_now
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import Settings, settings
from chalicelib.core.uploads import object_store

Nearest = Callable[[Sequence[Mapping[str, Any]]], Iterable[tuple[int, int, int, float]]]
"""Finds similar books; see `training_similar.nearest_books`."""


def scrape(run: JobRun, message: ScrapeMessage, nearest: Nearest) -> ScrapeReport:
    """Read a shop and make what it has the catalogue.

    Raises:
        SourceNotAllowed, SiteUnreachable, SiteNotReadable, SiteAsksToWait: It cannot be read.
        CatalogueTooSmall, CatalogueIsReal: It was read, and must not become the catalogue.
        ServiceUnavailable: The store does not answer.
    """
    # An earlier attempt may have been lost after its work was done.
    if (report := _report_of_run(run)) is not None:
        return report
    chosen = settings()
    site = allowed_site(message.base_url, chosen.books_base_url, chosen.books_allowed_urls)
    require_reachable(site)
    run_record.begin(run, site, message, utc_now())
    with (
        run_record.told_how_it_ends(run),
        TemporaryDirectory(prefix="previsto-books-") as name,
    ):
        folder = Path(name)
        found = crawl(crawl_order(site, chosen, folder), run_record.Listener(run))
        return make_catalogue(run, found, message, nearest, folder)


def make_catalogue(
    run: JobRun, found: Found, message: ScrapeMessage, nearest: Nearest, folder: Path
) -> ScrapeReport:
    """Keep what was found, and make it the catalogue if it may become that.

    Args:
        run: The run, begun.
        found: What it found.
        message: What it was asked for.
        nearest: Finds similar books.
        folder: Where the pages lie that could not be read, and files may be written.

    Raises:
        CatalogueTooSmall, CatalogueIsReal: It must not.
    """
    _keep(run, found, folder)
    planned = _judge_and_plan(run, found, message)
    return _publish(run, found, planned, nearest, folder)


def user_agent(chosen: Settings) -> str:
    """Who asks, and whom to turn to."""
    return f"Previsto/1.0 (+{chosen.books_contact or chosen.base_url})"


def crawl_order(site: Site, chosen: Settings, folder: Path) -> dict[str, Any]:
    """What the spider is told."""
    return {
        "base_url": site.url,
        "folder": str(folder),
        "user_agent": user_agent(chosen),
        "concurrency": chosen.books_concurrency,
        "timeout_seconds": chosen.books_timeout_seconds,
        "inside_allowed": not chosen.is_deployed or is_literal(site.host),
        "pause_seconds": chosen.books_pause_seconds,
    }


def _keep(run: JobRun, found: Found, folder: Path) -> None:
    """Keep what was found, whatever is made of it, and what could not be read."""
    path, key = folder / "found.csv", f"{run.tenant}/books/runs/{run.job_id}/{run.attempt}.csv"
    dump_files.write_books_csv(found.books.values(), path)
    with path.open("rb") as file:
        object_store().put(key, file, content_type=MEDIA_TYPES[DumpFormat.CSV])
    run_record.note(run, made_up=found.made_up, csv_key=key, **asdict(found.counts))
    run_record.keep_unread(run, found, folder)


def _judge_and_plan(run: JobRun, found: Found, message: ScrapeMessage) -> Planned:
    with run.reading() as session:
        last = session.scalars(select(Snapshot).order_by(Snapshot.id.desc()).limit(1)).first()
        current = Current(books=last.books, made_up=last.made_up) if last else None
        judge(found, current, accepts_smaller=message.accept_smaller)
        return merging.plan(session, found, last.base_url if last else None)


def _publish(
    run: JobRun, found: Found, planned: Planned, nearest: Nearest, folder: Path
) -> ScrapeReport:
    """Store the files, then change the catalogue."""
    run.progress(0.92, 1, "gravando os arquivos")
    files = dump_files.write_dumps(planned.rows, folder)
    dumps = _store(run, planned, files)
    run.progress(0.95, 1, "procurando livros parecidos")
    alike = folder / "alike.copy"
    merging.write_similar(nearest(planned.rows), alike)
    run.progress(0.98, 1, "atualizando o catálogo")
    now = utc_now()
    with run.transaction() as session:
        merging.stage(session, planned)
        merged = merging.count(session, planned)
        snapshot = Snapshot(
            id=planned.snapshot,
            run_id=run.job_id,
            taken_at=now,
            base_url=found.base_url,
            made_up=found.made_up,
            sha256=files[DumpFormat.CSV].sha256,
            books=len(planned.rows),
            categories=len({row["category"] for row in planned.rows}),
            kept=len(planned.kept),
            dumps=dumps,
            **asdict(merged),
        )
        session.add(snapshot)
        session.flush()
        merging.merge(session, planned, made_up=found.made_up, now=now)
        merging.replace_similar(session, alike)
        ask_for_training(session, snapshot.id, owner=run.owner)
        _succeed(session, run, snapshot, merged)
        report = _report(snapshot, session.get_one(ScrapeRun, run.job_id))
    newest_edition().forget()
    return report


def _store(
    run: JobRun, planned: Planned, files: Mapping[DumpFormat, DumpFile]
) -> dict[str, dict[str, Any]]:
    stored = {}
    for each, file in files.items():
        key = f"{run.tenant}/books/snapshots/{planned.snapshot}/livros.{each}"
        with file.path.open("rb") as data:
            object_store().put(key, data, content_type=MEDIA_TYPES[each])
        stored[each.value] = {"key": key, "sha256": file.sha256, "size_bytes": file.size_bytes}
    return stored


def _succeed(session: Session, run: JobRun, snapshot: Snapshot, merged: Merged) -> None:
    session.execute(
        update(ScrapeRun)
        .where(ScrapeRun.id == run.job_id)
        .values(state=RunState.SUCCEEDED.value, ended_at=snapshot.taken_at)
    )
    audit.record(
        session,
        tenant=run.tenant,
        ator=run.owner,
        acao="catalogo.atualizado",
        objeto=f"snapshot:{snapshot.id}",
        run=str(run.job_id),
        livros=snapshot.books,
        inventados=snapshot.made_up,
        **asdict(merged),
    )


def _report_of_run(run: JobRun) -> ScrapeReport | None:
    with run.reading() as session:
        known = session.scalar(select(Snapshot).where(Snapshot.run_id == run.job_id))
        return _report(known, session.get_one(ScrapeRun, run.job_id)) if known else None


def _report(snapshot: Snapshot, row: ScrapeRun) -> ScrapeReport:
    return ScrapeReport(
        snapshot=snapshot.id,
        sha256=snapshot.sha256,
        base_url=snapshot.base_url,
        made_up=snapshot.made_up,
        pages=row.pages,
        books=snapshot.books,
        errors=row.errors,
        stated=row.stated,
        new=snapshot.new,
        changed=snapshot.changed,
        unchanged=snapshot.unchanged,
        kept=snapshot.kept,
        gone=snapshot.gone,
    )
