"""How a container starts: `entrypoint.py services.worker`. Says under which address peers reach this container, because
where it listens, 0.0.0.0, is nobody's; then becomes the service.
"""

import os
import socket
import sys


def main() -> None:
    port = os.environ.get("TUTTI_PORT", "")
    if port and not os.environ.get("TUTTI_ADVERTISE"):
        os.environ["TUTTI_ADVERTISE"] = f"{socket.gethostbyname(socket.gethostname())}:{port}"
    # Replaced, not called: signals reach the service itself.
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])  # noqa: S606  our own interpreter


if __name__ == "__main__":
    main()
