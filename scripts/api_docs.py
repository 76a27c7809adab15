"""Writes docs/api/ from the comments in protos/ and from docs/openapi.json; with `--check`, only says whether it is up
to date.
"""

import json
import sys
from pathlib import Path

import grpc_pages
import rest_pages

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "api"

INDEX = """\
# Reference

<!-- Made by scripts/api_docs.py (`make docs`). Edit the comments in protos/ and the gateway's schemas. -->

| page | holds |
|---|---|
"""
MADE = "<!-- Made by scripts/api_docs.py (`make docs`) from {source}. Edit that. -->\n\n"


def rendered() -> dict[Path, str]:
    schema = grpc_pages.compiled(ROOT / "protos")
    pages, rows = {}, []
    for file in schema.files:
        name = grpc_pages.page_name(file)
        pages[TARGET / name] = MADE.format(source=f"protos/{file.name}") + grpc_pages.page(file, schema)
        holds = [service.name for service in file.service] or [message.name for message in file.message_type]
        rows.append(f"| [{file.name}]({name}) | {', '.join(holds)} |")
    description = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    pages[TARGET / "rest.md"] = MADE.format(source="the gateway's routes") + rest_pages.page(description)
    rows.append("| [REST](rest.md) | what the gateway answers, for browsers |")
    pages[TARGET / "README.md"] = INDEX + "\n".join(rows) + "\n"
    return pages


def main() -> int:
    pages = rendered()
    if "--check" not in sys.argv[1:]:
        TARGET.mkdir(parents=True, exist_ok=True)
        for stale in set(TARGET.glob("*.md")) - pages.keys():
            stale.unlink()
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    there = {path: path.read_text(encoding="utf-8") for path in TARGET.glob("*.md")}
    if there == pages:
        return 0
    print("docs/api is out of date; run make docs", file=sys.stderr)  # noqa: T201  a command line
    return 1


if __name__ == "__main__":
    sys.exit(main())
