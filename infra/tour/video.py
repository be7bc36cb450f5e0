"""`make tour`: a captioned film of three to five minutes through the whole product.

python -m infra.tour.video
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.tour.browser import ProgramMissing, chromium
from infra.tour.filling import fill
from infra.tour.film import PICTURE_HEIGHT, WIDTH, Reel, find_ffmpeg, played_seconds
from infra.tour.installation import PROJECT, running
from infra.tour.plan import LONGEST_SECONDS, SHORTEST_SECONDS, Scene, length_seconds
from infra.tour.scenes import SCENES
from infra.tour.stage import Stage
from infra.tour.visitors import Visitors

FILM = PROJECT / "build" / "tour" / "previsto.mp4"
SCALE = 4 / 3  # A window of 1440 pixels fills a film of 1920.


def main() -> int:
    """Film it; the exit status is 1 when a program is missing or the film went wrong."""
    try:
        ffmpeg = find_ffmpeg()
        with chromium() as browser, running() as installation:
            print("Filling a throwaway installation with made data ...", flush=True)
            film(Visitors(browser, installation, *fill(installation)), SCENES, ffmpeg, FILM)
    except ProgramMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    seconds = played_seconds(FILM)
    size = FILM.stat().st_size / 1e6
    print(f"{FILM.relative_to(PROJECT)}: {seconds // 60:.0f}:{seconds % 60:02.0f}, {size:.1f} MB")
    return 0 if SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS else 1


def film(visitors: Visitors, scenes: Sequence[Scene], ffmpeg: str, target: Path) -> None:
    """Play the scenes and make a film of them."""
    print(f"Filming {length_seconds(scenes):.0f} seconds ...", flush=True)
    with TemporaryDirectory(prefix="previsto-film-") as name:
        reel = Reel(Path(name))
        play(visitors, scenes, reel)
        print("Developing ...", flush=True)
        reel.develop(ffmpeg, target)


def play(visitors: Visitors, scenes: Sequence[Scene], reel: Reel) -> None:
    """Every scene in its order, each by its person, in a window that stays open."""
    with ExitStack() as windows:
        stages: dict[object, Stage] = {}
        for scene in scenes:
            if scene.who not in stages:
                size = (round(WIDTH / SCALE), round(PICTURE_HEIGHT / SCALE))
                window = windows.enter_context(visitors.window(scene.who, *size, "light", SCALE))
                stages[scene.who] = Stage(window, reel, visitors.places)
            print(f"  {scene.title}", flush=True)
            for step in scene.steps:
                start = reel.length
                for act in step.acts:
                    act.perform(stages[scene.who])
                stages[scene.who].hold(step.seconds - step.acted_seconds)
                reel.caption(scene.title, step.caption, start)


if __name__ == "__main__":
    sys.exit(main())
