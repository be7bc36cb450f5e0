"""What a person sees at an address that leads nowhere; programs are told by a problem document."""

from infra.local.gateway.answers import Answer, Refusal, RouteNotFound
from infra.local.gateway.request import Request

PAGE = """<!doctype html>
<html lang="pt-BR">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Não encontrado</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 16px;
  background: light-dark(#f4f6f8, #12161b); color: light-dark(#17202b, #e8edf2); }
main { max-width: 400px; padding: 24px; border-radius: 10px; background: light-dark(#fff, #1a2028);
  border: 1px solid light-dark(#dbe1e8, #313b47); }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
a { display: inline-block; padding: 10px 16px; border-radius: 8px; font-weight: 600;
  text-decoration: none; background: light-dark(#0f5fa6, #74b6f2);
  color: light-dark(#fff, #08233d); }
</style>
</head>
<body>
<main>
<h1>Não encontrado</h1>
<p>Não há nada neste endereço. Confira como está escrito, ou comece pelo início.</p>
<p><a href="/">Ir para o início</a></p>
</main>
</body>
</html>
"""


def answer_to(request: Request, refusal: Refusal) -> Answer:
    """A refusal as whoever asks reads it: a page for a browser that is lost, else a problem."""
    answer = refusal.answer(request.request_id)
    asks_for_pages = "text/html" in request.headers.get("accept", "")
    if request.method == "GET" and asks_for_pages and isinstance(refusal, RouteNotFound):
        said = {
            b"content-type": b"text/html; charset=utf-8",
            b"content-security-policy": b"default-src 'none'; style-src 'unsafe-inline'",
        }
        kept = [(name, value) for name, value in answer.headers if name not in said]
        answer.headers = [*kept, *said.items()]
        answer.body = PAGE.encode()
    return answer
