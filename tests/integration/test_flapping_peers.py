"""Servers that hang up as soon as they are connected to, as one does that is killed while it starts."""

import re
import subprocess
import sys

from tests.integration import flapping

#: Without connections of their own, such clients crashed in 1 to 3 s, 20 times of 20.
SECONDS = 6


def test_servers_that_hang_up_at_once_do_not_crash_their_clients() -> None:
    argv = [sys.executable, "-m", flapping.__name__, str(SECONDS)]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = re.search(r"failed calls: (\d+)", ran.stdout)
    assert found is not None
    assert int(found[1]) > 100
