"""The pages that show the API's documentation; their scripts come from `ASSETS_URL`.

Locally the gateway serves those files out of the installed `offapi` wheel, so the pages work
without the internet; deployed, the build puts them in the assets bucket.
"""

import base64
import hashlib
import html
from functools import cache
from urllib.parse import urlsplit

from chalicelib.core.settings import settings

_START = """
const target = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({
  url: target.dataset.document,
  domNode: target,
  deepLinking: true,
  persistAuthorization: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
});
"""

_SWAGGER = """<!doctype html>
<html lang="pt-BR">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Previsto · API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/offapi/swagger_style.css">
</head>
<body>
<div id="swagger-ui" data-document="{document}"></div>
<noscript>O documento OpenAPI está em <a href="{document}">{document}</a>.</noscript>
<script src="{assets}/offapi/swagger_bundle.js"></script>
<script src="{assets}/offapi/swagger_preset.js"></script>
<script>{start}</script>
</body>
</html>
"""

_REDOC = """<!doctype html>
<html lang="pt-BR">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Previsto · API</title>
<link rel="icon" href="data:,">
<style>body {{ margin: 0; }}</style>
</head>
<body>
<redoc spec-url="{document}"></redoc>
<noscript>O documento OpenAPI está em <a href="{document}">{document}</a>.</noscript>
<script type="module" src="{assets}/offapi/redoc.js"></script>
</body>
</html>
"""


def swagger_page(document_url: str) -> str:
    """Swagger UI for the document at this address."""
    return _fill(_SWAGGER, document_url)


def redoc_page(document_url: str) -> str:
    """ReDoc for the document at this address."""
    return _fill(_REDOC, document_url)


def _fill(template: str, document_url: str) -> str:
    return template.format(
        assets=html.escape(settings().assets_url.rstrip("/")),
        document=html.escape(document_url),
        start=_START,
    )


@cache
def page_policy(assets_url: str) -> str:
    """The Content-Security-Policy of the pages: our scripts, our data, and what they draw.

    Both pages write their styles at run time, and ReDoc searches in a worker it makes itself.
    ReDoc would also fetch a logo from its makers and report to them; it works without.

    Args:
        assets_url: Where the scripts lie; a path is of the page's own origin.
    """
    parts = urlsplit(assets_url)
    assets = f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
    start = base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {assets} 'sha256-{start}'",
            f"style-src {assets} 'unsafe-inline'",
            f"font-src {assets} data:",
            f"img-src {assets} data:",
            "connect-src 'self'",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
