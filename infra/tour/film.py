"""From frames and captions to a film that every browser plays: H.264 by Debian's ffmpeg."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.tour.browser import ProgramMissing

FRAMES_PER_SECOND = 25
FRAME_SECONDS = 1 / FRAMES_PER_SECOND
WIDTH, HEIGHT = 1920, 1080
PICTURE_HEIGHT = 960
"""The rest, below, holds the captions: they cover nothing."""

TITLE_TOP, CAPTION_TOP = PICTURE_HEIGHT + 22, PICTURE_HEIGHT + 74  # Of their middles.
LONGEST_CAPTION = 120  # One line.
QUALITY = 24  # x264's constant rate factor: text stays sharp, a minute takes some 3 MB.
STYLES = """[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
WrapStyle: 0

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, Alignment, \
MarginL, MarginR, MarginV, BorderStyle, Outline, Shadow
Style: Title,DejaVu Sans,22,&H00F2B674,&H0,&H0,1,4,56,56,0,1,0,0
Style: Caption,DejaVu Sans,32,&H00F2EDE8,&H0,&H0,0,4,56,56,0,1,0,0

[Events]
Format: Start, End, Style, Text
"""


@dataclass(frozen=True)
class Caption:
    """What stands below the picture for a while.

    Attributes:
        title: Of the scene.
        text: What is said.
        start, end: In frames.
    """

    title: str
    text: str
    start: int
    end: int


class Reel:
    """Frames as they are taken, and the captions they were taken under.

    Attributes:
        captions: So far.
        length: In frames.
    """

    def __init__(self, folder: Path) -> None:
        """Take where the frames lie meanwhile."""
        self.captions: list[Caption] = []
        self.length = 0
        self._folder = folder
        self._frames: list[tuple[Path, int]] = []
        self._last = b""

    def add(self, picture: bytes, seconds: float) -> None:
        """A picture, and how long it stands."""
        count = round(seconds * FRAMES_PER_SECOND)
        if count <= 0:
            return
        self.length += count
        if picture == self._last:
            path, before = self._frames[-1]
            self._frames[-1] = (path, before + count)
            return
        path = self._folder / f"{len(self._frames):06}.jpg"
        path.write_bytes(picture)
        self._frames.append((path, count))
        self._last = picture

    def spread(self, pictures: Sequence[bytes], seconds: float) -> None:
        """Pictures that share a time evenly; some are left out where there are too many."""
        count = round(seconds * FRAMES_PER_SECOND)
        shown = [pictures[at * len(pictures) // count] for at in range(count)] if count else []
        for picture in shown:
            self.add(picture, FRAME_SECONDS)

    def caption(self, title: str, text: str, start: int) -> None:
        """What was said from a frame on until now."""
        self.captions.append(Caption(title, text, start, self.length))
        self._last = b""  # The next one is burnt into a frame of its own.

    def develop(self, ffmpeg: str, target: Path) -> None:
        """Make the film."""
        target.parent.mkdir(parents=True, exist_ok=True)
        listed, said = self._folder / "frames.txt", self._folder / "captions.ass"
        listed.write_text("".join(self._entries()))
        said.write_text(as_subtitles(self.captions))
        pad = f"pad={WIDTH}:{HEIGHT}:0:0:color=0x12161b"
        look = f"{pad},subtitles={said.name},fps={FRAMES_PER_SECOND}"
        subprocess.run(
            [
                *(ffmpeg, "-hide_banner", "-loglevel", "error", "-y"),
                *("-f", "concat", "-i", listed.name, "-vf", look),
                *("-c:v", "libx264", "-preset", "veryfast", "-crf", str(QUALITY)),
                *("-tune", "animation", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
                str(target.absolute()),
            ],
            cwd=self._folder,
            check=True,
        )

    def _entries(self) -> Iterator[str]:
        yield "ffconcat version 1.0\n"
        for path, count in self._frames:
            yield f"file {path.name}\nduration {count / FRAMES_PER_SECOND:.2f}\n"
        yield f"file {self._frames[-1][0].name}\n"  # The last one's duration needs an end.


def as_subtitles(captions: Sequence[Caption]) -> str:
    """Captions as ffmpeg burns them in: the scene's title, and what is said beside it."""
    lines = [STYLES.format(width=WIDTH, height=HEIGHT)]
    for one in captions:
        when = f"{_clock(one.start)},{_clock(one.end)}"
        lines.append(f"Dialogue: {when},Title,{{\\pos(56,{TITLE_TOP})}}{one.title.upper()}\n")
        lines.append(f"Dialogue: {when},Caption,{{\\pos(56,{CAPTION_TOP})}}{one.text}\n")
    return "".join(lines)


def _clock(frame: int) -> str:
    hundredths = frame * 100 // FRAMES_PER_SECOND
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 100:02}.{rest % 100:02}"


def find_ffmpeg() -> str:
    """Where ffmpeg is.

    Raises:
        ProgramMissing: It is not installed.
    """
    found = shutil.which("ffmpeg")
    if found is None or shutil.which("ffprobe") is None:
        raise ProgramMissing("ffmpeg is not installed. On Debian: apt-get install ffmpeg")
    return found


def played_seconds(film: Path) -> float:
    """How long a film plays, as a player sees it."""
    asked = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format=duration"]
    said = subprocess.run([*asked, str(film)], check=True, capture_output=True)
    return float(json.loads(said.stdout)["format"]["duration"])
