"""API Gateway's REST proxy integration, emulated for any Chalice app.

    HTTP -> granian (ASGI) -> Gateway -> proxy event -> the app, one call at a time per process

Beside the app the gateway serves what AWS serves beside it: signed uploads and downloads
(`/_objects/`, S3's part) and the files of installed wheels (`/assets/`, the assets bucket's).

Why ASGI and not WSGI, which costs some 10 to 25 us less per request on granian: WSGI's environ has
the path already decoded (an encoded slash is lost) and the last of repeated headers only,
and a client that sends its body slowly holds a whole process. The app itself stays blocking
code; it runs on the event loop's own thread, because handing each call to another thread
costs more than it brings while one call at a time is what a process does best.
"""

from infra.local.gateway.application import Gateway
from infra.local.gateway.server import (
    GatewayNotReady,
    PortBusy,
    check_port,
    serve,
    wait_until_ready,
)
from infra.local.gateway.wiring import build_gateway, offapi_directory

__all__ = [
    "Gateway",
    "GatewayNotReady",
    "PortBusy",
    "build_gateway",
    "check_port",
    "offapi_directory",
    "serve",
    "wait_until_ready",
]
