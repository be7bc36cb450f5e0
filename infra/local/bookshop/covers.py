"""Covers of made-up books: a title, its shelf, and a drawing that the book's number decides."""

from html import escape

from infra.local.bookshop.stock import MadeUpBook

TURN = 137  # Degrees from one hue to the next: neighbours differ, and none repeats soon.
COVER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300" width="200" height="300">
<defs><linearGradient id="paper" x1="0" y1="0" x2="0" y2="1">
<stop stop-color="hsl({hue} 46% 34%)"/><stop offset="1" stop-color="hsl({next} 52% 19%)"/>
</linearGradient></defs>
<rect width="200" height="300" fill="url(#paper)"/>
<svg y="112" width="200" height="154" viewBox="0 112 200 154" fill="none"
 stroke="hsl({light} 70% 74%)" stroke-width="2.5">{drawing}</svg>
<rect x="18" y="22" width="28" height="3" fill="hsl({light} 78% 74%)"/>
<foreignObject x="18" y="32" width="166" height="80"><p xmlns="http://www.w3.org/1999/xhtml"
 style="color:#fff;font:600 19px/1.18 Georgia,serif;margin:0">{title}</p></foreignObject>
<text x="18" y="284" fill="#fff" opacity=".85" font-family="sans-serif" font-size="10.5"
 letter-spacing="1.2">{shelf}</text></svg>
"""


def cover_of(book: MadeUpBook) -> bytes:
    """A book's cover, as SVG; the same book always has the same one."""
    hue = book.number * TURN % 360
    return COVER.format(
        hue=hue,
        next=(hue + 36) % 360,
        light=(hue + 170) % 360,
        drawing=DRAWINGS[book.number % len(DRAWINGS)](book.number),
        title=escape(book.title),
        shelf=escape(book.category.upper()),
    ).encode()


def _rings(number: int) -> str:
    x, y = 60 + number * 29 % 80, 189
    return "".join(f'<circle cx="{x}" cy="{y}" r="{r}"/>' for r in range(10, 72, 12))


def _waves(number: int) -> str:
    tall = 8 + number % 14
    return "".join(
        f'<path d="M-20 {y}q30 {-tall} 60 0t60 0t60 0t60 0"/>' for y in range(150, 272, 15)
    )


def _sun(number: int) -> str:
    x, y = 55 + number * 17 % 90, 205
    hills = "".join(f'<path d="M0 {y + d}h200"/>' for d in range(8, 62, 9))
    return f'<circle cx="{x}" cy="{y - 14}" r="34" fill="currentColor" color="#ffffff33"/>{hills}'


def _towers(number: int) -> str:
    heights = [(number * (place + 3) * 7) % 90 + 20 for place in range(9)]
    return "".join(
        f'<rect x="{18 + place * 19}" y="{264 - tall}" width="13" height="{tall}"/>'
        for place, tall in enumerate(heights)
    )


def _fan(number: int) -> str:
    x = 20 + number * 31 % 160
    return "".join(f'<path d="M{x} 268L{end} 132"/>' for end in range(-60, 270, 22))


def _dots(number: int) -> str:
    return "".join(
        f'<circle cx="{28 + column * 24}" cy="{152 + row * 22}"'
        f' r="{2 + (number * 5 + row * 7 + column * 3) % 8}"/>'
        for row in range(6)
        for column in range(7)
    )


DRAWINGS = (_rings, _waves, _sun, _towers, _fan, _dots)
