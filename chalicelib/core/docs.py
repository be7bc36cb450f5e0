"""The pages that show the API's documentation; their scripts come from `ASSETS_URL`.

Locally the gateway serves those files out of the installed `offapi` wheel, so the pages work
without the internet; deployed, the build puts them in the assets bucket.
"""

import html

from chalicelib.core.settings import settings

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
<script>
const target = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({{
  url: target.dataset.document,
  domNode: target,
  deepLinking: true,
  persistAuthorization: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
}});
</script>
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
        assets=html.escape(settings().assets_url.rstrip("/")), document=html.escape(document_url)
    )
