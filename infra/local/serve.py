"""The gateway in front of the app, with the project's settings.

python -m infra.local.serve
"""

import os

from chalicelib.core import telemetry
from chalicelib.core.settings import Settings, settings
from infra.local.gateway import serve
from infra.local.processes import end_with_parent
from infra.local.shared_metrics import share_metrics

WRITES_AT_ONCE = 4  # In each process; they wait for the disk more than they compute.


def gateway_environment(found: Settings) -> dict[str, str]:
    """What the gateway's workers read from their environment."""
    return {
        "PUBLIC_URL": found.base_url,
        "STORAGE_URL": found.objects_url,
        "SIGNING_KEY": found.signing_key.get_secret_value(),
        "CORS_ORIGINS": ",".join(found.cors_origins),
    }


def main() -> None:
    """Serve until SIGTERM."""
    found = settings()
    telemetry.configure_logging(found.log_level)
    end_with_parent()
    os.environ.update(gateway_environment(found))
    share_metrics(found.data_dir / "metrics" / "serve")
    serve(
        host=found.host,
        port=found.port,
        workers=found.gateway_processes,
        threads=WRITES_AT_ONCE,
    )


if __name__ == "__main__":
    main()
