"""What `make screenshots` and `make tour` show: checked without a browser, where it can be."""

import re
import subprocess
from pathlib import Path

import pytest

from infra.tour import browser, film
from infra.tour.acts import Open
from infra.tour.browser import ProgramMissing
from infra.tour.film import FRAMES_PER_SECOND, LONGEST_CAPTION, Caption, Reel, as_subtitles
from infra.tour.pages import FILES, PAGES, address
from infra.tour.plan import LONGEST_SECONDS, SHORTEST_SECONDS, Step, length_seconds, steps_of
from infra.tour.scenes import SCENES
from infra.tour.screenshots import IN_README, LARGEST_BYTES
from tests.conftest import require_service
from tests.routes import page_views

README = Path(__file__).parents[2] / "README.md"
STEPS = [step for _, step in steps_of(SCENES)]


def shape(path: str) -> str:
    """An address without what is said of its variable parts."""
    return re.sub(r"{\w+}|(?<=/)\d+", "{}", path.partition("?")[0])


def test_every_page_of_the_console_has_a_screenshot() -> None:
    served = {path for path, method, _ in page_views() if method == "GET"}
    looked_at = {shape(path) for path in served if not path.endswith(FILES)}
    assert {shape(page.path) for page in PAGES} == looked_at


def test_scenes_open_pages_that_have_a_screenshot() -> None:
    opened = {shape(act.path) for step in STEPS for act in step.acts if isinstance(act, Open)}
    assert opened <= {shape(page.path) for page in PAGES}


def test_screenshots_have_names_of_their_own() -> None:
    assert len({page.name for page in PAGES}) == len(PAGES)


def test_readme_shows_its_three_screenshots_and_they_are_small() -> None:
    shown = [page.name for page in PAGES if page.in_readme]
    assert len(shown) == 3
    for name in shown:
        picture = IN_README / f"{name}.webp"
        assert picture.stat().st_size <= LARGEST_BYTES
        assert f"infra/screenshots/{picture.name}" in README.read_text()


def test_film_takes_three_to_five_minutes() -> None:
    assert SHORTEST_SECONDS <= length_seconds(SCENES) <= LONGEST_SECONDS


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.caption[:40])
def test_caption_fits_and_stands_until_it_is_read(step: Step) -> None:
    assert 0 < len(step.caption) <= LONGEST_CAPTION
    assert step.seconds >= step.reading_seconds
    assert step.seconds > step.acted_seconds


def test_address_is_that_of_the_filled_installation() -> None:
    assert address("/console/livros/{livro}", {"livro": "7"}) == "/console/livros/7"
    with pytest.raises(KeyError):
        address("/console/livros/{livro}", {})


def test_film_stands_still_where_nothing_moves(tmp_path: Path) -> None:
    reel = Reel(tmp_path)
    reel.add(b"one", 1.0)
    reel.add(b"one", 0.4)
    reel.spread([b"two", b"three", b"four"], 3 / FRAMES_PER_SECOND)
    assert len(list(tmp_path.glob("*.jpg"))) == 4
    assert reel.length == round(1.4 * FRAMES_PER_SECOND) + 3


def test_caption_begins_with_a_frame_though_nothing_moves(tmp_path: Path) -> None:
    reel = Reel(tmp_path)
    reel.add(b"one", 1.0)
    reel.caption("Início", "Olá.", 0)
    reel.add(b"one", 1.0)
    assert len(list(tmp_path.glob("*.jpg"))) == 2


def test_subtitles_say_each_caption_while_it_stands() -> None:
    said = as_subtitles([Caption("Início", "O que pede atenção.", 0, 1515)])
    assert re.search(r"0:00:00.00,0:01:00.60,Title,{.*}INÍCIO", said)
    assert "O que pede atenção." in said


def test_missing_programs_are_named_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProgramMissing, match="apt-get install ffmpeg"):
        film.find_ffmpeg()
    with pytest.raises(ProgramMissing, match="apt-get install chromium"), browser.chromium():
        pass


@pytest.mark.slow
def test_film_plays_as_long_as_its_frames(tmp_path: Path) -> None:
    try:
        ffmpeg = film.find_ffmpeg()
    except ProgramMissing as missing:
        require_service("ffmpeg", False, str(missing))
    source = tmp_path / "picture.jpg"
    drawn = ["-f", "lavfi", "-i", "color=c=navy:s=1920x960", "-frames:v", "1", str(source)]
    subprocess.run([ffmpeg, "-loglevel", "error", *drawn], check=True)
    (tmp_path / "reel").mkdir()
    reel = Reel(tmp_path / "reel")
    reel.add(source.read_bytes(), 0.4)
    reel.caption("Início", "Olá.", 0)
    reel.develop(ffmpeg, tmp_path / "film.mp4")
    assert film.played_seconds(tmp_path / "film.mp4") == pytest.approx(0.4, abs=0.05)
