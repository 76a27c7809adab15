"""Writes docs/openapi.json from the gateway's routes; with `--check`, only says whether it is up to date."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "openapi.json"
sys.path.insert(0, str(ROOT))

from services.gateway import app  # noqa: E402  found through the line above, from wherever this is called


def rendered() -> str:
    return json.dumps(app.description(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(rendered(), encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == rendered():
        return 0
    print("docs/openapi.json is out of date; run scripts/openapi.py", file=sys.stderr)  # noqa: T201  a command line
    return 1


if __name__ == "__main__":
    sys.exit(main())
