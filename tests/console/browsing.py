"""A browser without scripts: keeps cookies, reads pages, fills in their forms."""

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.client import Answer, Client

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "limite-do-formulario"


@dataclass
class SeenForm:
    """A form of a page: where it is sent, and what it holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    """Collects what a person reads, where links lead, and the forms."""

    SILENT = ("script", "style", "title", "template")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[SeenForm] = []
        self._silent = 0
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in self.SILENT:
            self._silent += 1
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self.forms.append(SeenForm(given.get("action", ""), given.get("method", "get")))
        elif self.forms and tag in ("input", "button", "select", "textarea", "option"):
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        fields = self.forms[-1].fields
        if tag == "select":
            self._select = given.get("name", "")
            fields[self._select] = ""
        elif tag == "option" and self._select is not None and "selected" in given:
            fields[self._select] = given.get("value", "")
        elif tag == "textarea":
            self._area = given.get("name", "")
            fields[self._area] = ""
        elif tag == "input" and given.get("type") not in ("checkbox", "radio", "file"):
            fields[given.get("name", "")] = given.get("value", "")
        elif tag == "input" and "checked" in given:
            fields[given.get("name", "")] = given.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self._silent -= 1
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data
        elif not self._silent:
            self.words.append(data)


@dataclass(frozen=True)
class Page:
    """An answer, as a person sees it."""

    answer: Answer

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.answer.status

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.answer.headers.get("Location", "")

    @property
    def source(self) -> str:
        """The HTML."""
        return self.answer.body.decode()

    @property
    def text(self) -> str:
        """What can be read, blanks folded."""
        return re.sub(r"\s+", " ", " ".join(self._read().words)).strip()

    @property
    def title(self) -> str:
        """Of the browser's tab."""
        found = re.search(r"<title>(.*?)</title>", self.source, re.DOTALL)
        return html.unescape(found.group(1)) if found else ""

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return self._read().links

    def form(self, action: str) -> SeenForm:
        """The form whose `acao` is this one, or that is sent to this path, or to the page's own."""
        forms = [form for form in self._read().forms if form.method == "post"]
        for found in forms:
            if found.fields.get("acao") == action or found.action == action:
                return found
        for found in forms:
            if action.startswith("/") and not found.action and "acao" not in found.fields:
                return found
        raise AssertionError(f"no form {action} in: {self.text}")

    def _read(self) -> _Reader:
        reader = _Reader()
        reader.feed(self.source)
        return reader


class Browser:
    """One person's browser."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **query: Any) -> Page:
        """Open an address."""
        return self._send("GET", path + ("?" + urlencode(query, doseq=True) if query else ""), b"")

    def open(self, path: str) -> Page:
        """Open an address and follow where it leads."""
        return self._follow(self.get(path))

    def post(self, path: str, fields: dict[str, Any], **headers: str) -> Page:
        """Send fields as a form, just these."""
        return self._send("POST", path, urlencode(fields).encode(), **headers)

    def submit(self, page: Page, at: str, form: str, **fields: Any) -> Page:
        """Fill in a form of a page that is at an address, send it, and follow where it leads."""
        return self._follow(self.send(page, at, form, **fields))

    def send(self, page: Page, at: str, form: str, **fields: Any) -> Page:
        """Fill in a form of a page and send it."""
        seen = page.form(form)
        return self.post(seen.action or at, {**seen.fields, **fields})

    def send_file(self, at: str, form: str, content: str, **fields: Any) -> Page:
        """Fill in a form of the page at an address, attach a file, and follow where it leads."""
        seen = self.get(at).form(form)
        known = {**seen.fields, **fields}
        parts = [f'name="{name}"\r\n\r\n{value}' for name, value in known.items()]
        parts.append(f'name="arquivo"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n{content}')
        body = "".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {p}\r\n" for p in parts)
        data = f"{body}--{BOUNDARY}--\r\n".encode()
        media = f"multipart/form-data; boundary={BOUNDARY}"
        return self._follow(self._send("POST", seen.action or at, data, content_type=media))

    def sign_in(self, login: str, password: str) -> Page:
        """Through the form, as a person would."""
        page = self.get("/entrar")
        return self.send(page, "/entrar", "/entrar", username=login, password=password)

    def _follow(self, page: Page) -> Page:
        for _ in range(5):
            if not page.location:
                return page
            page = self.get(page.location)
        raise AssertionError(f"leads in circles: {page.location}")

    def _send(self, method: str, path: str, data: bytes, **headers: str) -> Page:
        sent = {"host": "127.0.0.1:8000", "content-type": FORM}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.send(method, path, sent, data)
        for header in _each(answer.headers.get("Set-Cookie", [])):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return Page(answer)


def _each(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
