"""Which encoding a file of text is in, and whether it is text at all."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from chalicelib.prices.errors import ArquivoRecusado

BLOCK_BYTES = 1 << 20
DAMAGED = re.compile("[\udc80-\udcff\0]")
"""A byte that is no character of the encoding, as Python's surrogateescape writes it; or NUL,
which PostgreSQL keeps in no text."""

MAGIC = (
    (b"PK\x03\x04", "uma planilha (xlsx) ou um arquivo zip; salve a planilha como CSV"),
    (b"\xd0\xcf\x11\xe0", "uma planilha antiga (xls); salve-a como CSV"),
    (b"\x1f\x8b", "um arquivo compactado (gzip); descompacte-o antes de enviar"),
    (b"%PDF", "um PDF"),
    (b"PAR1", "um Parquet; declare o tipo application/vnd.apache.parquet"),
    (b"\x89PNG", "uma imagem"),
    (b"\xff\xd8\xff", "uma imagem"),
    (b"SQLite format 3", "um banco SQLite"),
)
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROLS = bytes(set(range(32)) - {9, 10, 12, 13, 26, 27})
MOST_CONTROLS = 0.02


@dataclass(frozen=True)
class Encoding:
    """How a file's bytes are read.

    Attributes:
        name: As Python has it.
        damaged: Some bytes are no characters of it, or NUL; their rows are refused.
    """

    name: str
    damaged: bool = False

    @property
    def errors(self) -> str:
        """What Python is to do with bytes that are no characters."""
        return "surrogateescape" if self.damaged else "strict"


def detect_encoding(path: Path) -> Encoding:
    """Find a text file's encoding by reading all of it once.

    A mark at its beginning says so; else it is UTF-8 where most of what is not ASCII makes UTF-8
    characters, and Windows' Latin-1 (cp1252) otherwise.

    Raises:
        ArquivoRecusado: It is empty, of another kind, or no text.
    """
    with path.open("rb") as file:
        head = file.read(BLOCK_BYTES)
    _refuse_what_is_no_text(head)
    for bom, name in BOMS:
        if head.startswith(bom):
            return _marked(path, name)
    if (unmarked := _unmarked_utf16(head)) is not None:
        return _marked(path, unmarked)
    return _utf8_or_windows(path)


def _refuse_what_is_no_text(head: bytes) -> None:
    if not head.strip():
        raise ArquivoRecusado("O arquivo está vazio.")
    for magic, kind in MAGIC:
        if head.startswith(magic):
            raise ArquivoRecusado(f"O arquivo não é texto: é {kind}.")
    is_marked = any(head.startswith(bom) for bom, _ in BOMS)
    controls = len(head) - len(head.translate(None, CONTROLS))
    if not is_marked and _unmarked_utf16(head) is None and controls > MOST_CONTROLS * len(head):
        raise ArquivoRecusado(
            f"O arquivo não é texto: {controls} dos primeiros {len(head)} bytes são de controle."
        )


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark: of Latin letters every other byte is zero."""
    even, odd = head[:4096:2], head[1:4096:2]
    if not odd:
        return None
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros.count(0) > 0.7 * len(zeros) and others.count(0) < 0.05 * len(others):
            return name
    return None


def _marked(path: Path, name: str) -> Encoding:
    """An encoding that is known already; a damaged UTF-16 cannot be taken up again."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    line = 1
    with path.open("rb") as file:
        damaged = False
        while True:
            block = file.read(BLOCK_BYTES)
            try:
                text = decoder.decode(block, final=not block)
                line += text.count("\n")
                damaged = damaged or "\0" in text
            except UnicodeDecodeError:
                if name == "utf-8-sig":
                    return Encoding(name, damaged=True)
                raise ArquivoRecusado(
                    f"O arquivo diz ser {name.upper()}, mas depois da linha {line} há bytes que"
                    " não são caracteres; salve-o como CSV UTF-8."
                ) from None
            if not block:
                return Encoding(name, damaged)


def _utf8_or_windows(path: Path) -> Encoding:
    good = bad = nul = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK_BYTES)
            text = decoder.decode(block, final=not block)
            nul += text.count("\0")
            if not text.isascii():
                damaged = len(DAMAGED.findall(text)) - text.count("\0")
                bad += damaged
                good += len(text) - len(text.encode("ascii", "ignore")) - damaged
            if not block:
                break
    if bad == 0:
        return Encoding("utf-8", damaged=nul > 0)
    if good > bad:
        return Encoding("utf-8", damaged=True)
    return Encoding("cp1252", damaged=nul > 0 or _has_undefined(path))


def _has_undefined(path: Path) -> bool:
    """Whether a byte is among the five that Windows' Latin-1 leaves out."""
    undefined = b"\x81\x8d\x8f\x90\x9d"
    with path.open("rb") as file:
        return any(
            len(block.translate(None, undefined)) < len(block)
            for block in iter(lambda: file.read(BLOCK_BYTES), b"")
        )
