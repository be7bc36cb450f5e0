"""A browser's page as a film sees it: what a hand does on it, frame by frame.

Time in the film is not time on the clock. A frame is taken when the page shows what it should, and
stands as long as the plan says: a slow machine makes no slow film, and nothing half loaded is seen.
"""

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from infra.tour.browser import settle
from infra.tour.film import FRAME_SECONDS, Reel
from infra.tour.pages import Places, address

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

JPEG_QUALITY = 92
MOVE_SECONDS, SCROLL_SECONDS, PRESS_SECONDS, KEY_SECONDS = 0.56, 0.8, 0.16, 0.08
Place = tuple[float, float]

TOP = 24  # Pixels left above what is scrolled to.
LOOK_MILLISECONDS = 250
TRIES, PICTURE_MILLISECONDS = 3, 15_000
WATCHED_SECONDS = 300.0  # On the clock, of what may take long.

# The browser draws no pointer into its pictures.
POINTER = """([x, y, pressed]) => {
  let hand = document.getElementById('ponteiro-do-filme');
  if (!hand) {
    hand = document.createElement('div');
    hand.id = 'ponteiro-do-filme';
    hand.setAttribute('aria-hidden', 'true');
    hand.innerHTML = '<svg width="26" height="26" viewBox="0 0 26 26"><path d="M3 2v19l5-5 3.4 7.6'
      + ' 3.2-1.4L11.3 15H18z" fill="#111" stroke="#fff" stroke-width="1.6"/></svg>';
    Object.assign(hand.style, {position: 'fixed', zIndex: 2147483647, pointerEvents: 'none',
      transformOrigin: '3px 2px', margin: 0});
    document.documentElement.append(hand);
  }
  Object.assign(hand.style, {left: x - 3 + 'px', top: y - 2 + 'px',
    transform: pressed ? 'scale(.8)' : 'none'});
}"""
SCROLL_TO = """([place, top]) => {
  const inner = document.querySelector(place);
  if (!inner) throw new Error('nothing to scroll to: ' + place);
  const wanted = inner.getBoundingClientRect().top + scrollY - top;
  return [scrollY, Math.max(0, Math.min(wanted,
    document.documentElement.scrollHeight - innerHeight))];
}"""


class Stage:
    """One person's window, filmed."""

    def __init__(self, page: "Page", reel: Reel, places: Places) -> None:
        """Take the window, what its frames go to, and what addresses mean."""
        self.page = page
        self.places = places
        self._reel = reel
        self._hand: Place = (720.0, 400.0)

    def hold(self, seconds: float) -> None:
        """Let the page be seen."""
        self._take(seconds)

    def open(self, path: str) -> None:
        """Go to a page."""
        answer = self.page.goto(address(path, self.places))
        if answer is None or not answer.ok:
            raise ValueError(f"{path}: {answer and answer.status}")
        settle(self.page)

    def move_to(self, place: str) -> "Locator":
        """Move the hand onto something, and give it."""
        found = self.page.locator(place).first
        found.wait_for()
        found.scroll_into_view_if_needed()
        box = found.bounding_box()
        if box is None:
            raise ValueError(f"{place} is not to be seen")
        start = self._hand
        end = (box["x"] + min(box["width"] / 2, 120), box["y"] + box["height"] / 2)
        for done in _eased(MOVE_SECONDS):
            self._hand = _between(start, end, done)
            self.page.mouse.move(*self._hand)
            self._take(FRAME_SECONDS)
        return found

    def press(self, place: str, then: str = "") -> None:
        """Click something, and wait for what comes of it.

        Args:
            place: What is clicked.
            then: What is to be seen after; the page that is led to when empty.
        """
        found = self.move_to(place)
        self._take(PRESS_SECONDS, pressed=True)
        found.click()
        if then:
            self.page.locator(then).first.wait_for()
        settle(self.page)

    def write(self, place: str, text: str) -> None:
        """Type into a field, in place of what is there; `{name}` is looked up as in addresses."""
        found = self.move_to(place)
        found.click()
        found.fill("")
        for letter in address(text, self.places):
            self.page.keyboard.type(letter)
            self._take(KEY_SECONDS)
        self.page.wait_for_timeout(LOOK_MILLISECONDS)  # A search answers while one types.
        settle(self.page)

    def choose(self, place: str, label: str) -> None:
        """Choose an option by its text, or by its place from 1."""
        found = self.move_to(place)
        if label.isdigit():
            found.select_option(index=int(label))
        else:
            found.select_option(label=label)
        settle(self.page)

    def attach(self, place: str, name: str, content: bytes) -> None:
        """Choose a CSV file."""
        found = self.move_to(place)
        found.set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
        settle(self.page)

    def slide(self, place: str, share: float, seconds: float) -> None:
        """Drag a slider to a share of its way; the page answers meanwhile."""
        found = self.move_to(place)
        low, high, value = (
            float(number)
            for number in found.evaluate("e => [e.min || 0, e.max || 100, e.value].map(Number)")
        )
        end = low + (high - low) * share
        box = found.bounding_box()
        for done in _eased(seconds):
            now = value + (end - value) * done
            found.evaluate(
                "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true}));"
                " e.dispatchEvent(new Event('change', {bubbles: true})); }",
                now,
            )
            if box is not None and high > low:
                across = box["x"] + box["width"] * (now - low) / (high - low)
                self._hand = (across, box["y"] + box["height"] / 2)
            self._take(FRAME_SECONDS)
        self.page.wait_for_timeout(3 * LOOK_MILLISECONDS)
        settle(self.page)

    def scroll_to(self, place: str) -> None:
        """Bring something to the top of the window."""
        start, end = self.page.evaluate(SCROLL_TO, [place, TOP])
        for done in _eased(SCROLL_SECONDS):
            top = start + (end - start) * done
            self.page.evaluate("top => scrollTo({top, behavior: 'instant'})", top)
            self._take(FRAME_SECONDS)
        settle(self.page)

    def watch(self, until: str, seconds: float) -> None:
        """See how something goes on until it is over; however long it took, the film takes this."""
        taken: list[bytes] = []
        over = self.page.locator(until).first
        deadline = time.monotonic() + WATCHED_SECONDS
        while not over.is_visible() and time.monotonic() < deadline:
            taken.append(self._picture(False))
            self.page.wait_for_timeout(LOOK_MILLISECONDS)
        over.wait_for()
        settle(self.page)
        self._reel.spread([*taken, self._picture(False)], seconds)

    def _take(self, seconds: float, *, pressed: bool = False) -> None:
        self._reel.add(self._picture(pressed), seconds)

    def _picture(self, pressed: bool) -> bytes:
        """What the window shows; where it is led elsewhere meanwhile, what it shows then."""
        from playwright.sync_api import Error

        for _ in range(TRIES):
            with suppress(Error):
                return self._shot(pressed)
            self.page.wait_for_load_state("load")
        return self._shot(pressed)

    def _shot(self, pressed: bool) -> bytes:
        self.page.evaluate(POINTER, [*self._hand, pressed])
        return self.page.screenshot(
            type="jpeg", quality=JPEG_QUALITY, caret="initial", timeout=PICTURE_MILLISECONDS
        )


def _between(start: Place, end: Place, share: float) -> Place:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _eased(seconds: float) -> list[float]:
    """How far a movement is at each of its frames: it begins and ends gently."""
    frames = max(1, round(seconds / FRAME_SECONDS))
    return [(x := frame / frames) * x * (3 - 2 * x) for frame in range(1, frames + 1)]
