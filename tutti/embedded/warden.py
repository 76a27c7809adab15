"""The mesh's last will. Run as a program, it leads the process group that every child of a supervisor belongs to, and
kills that group as soon as its standard input ends: when the supervisor is gone, however it went.

Unlike a parent-death signal this works on every POSIX system, needs no code between fork and exec, and reaches
grandchildren. It imports next to nothing, so that it is there before the first child.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
