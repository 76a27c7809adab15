"""Nothing under the GPL or AGPL is installed with a mesh, and of everything that is, the licence is known."""

import re
from collections.abc import Callable
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: SPDX identifiers, and the words in which older metadata says the same.
PERMISSIVE = re.compile(
    r"\b(?:MIT|MIT-0|ISC|ISCL|Apache|BSD|PSF-2\.0|Python Software Foundation|ZPL-2\.1|MPL-2\.0|"
    r"Mozilla Public License 2\.0|0BSD|Zlib|Unlicense)\b"
)
#: Copyleft that also binds who merely uses it. The LGPL does not, and is told apart below.
FORBIDDEN = re.compile(r"\bA?GPL|(?<!Lesser )General Public License|\bSSPL|\bBUSL|Business Source", re.IGNORECASE)
LESSER = re.compile(r"\bLGPL|Lesser General Public", re.IGNORECASE)

#: Distributions whose metadata does not say it: the licence, and where it was read.
KNOWN: dict[str, str] = {}
#: LGPL: linked dynamically, unchanged, replaceable; each with the reason why that is so.
LESSER_ALLOWED: dict[str, str] = {
    "soxr": "a shared library beside its Python module, as it was published; another build may take its place"
}


def locked() -> list[str]:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9][\w.-]*)==", text, re.MULTILINE)


def licence(about: Message) -> str:
    """Licence expression, else classifiers, else the first words of the licence field, which may be the whole text."""
    expression = about.get("License-Expression") or ""
    classifiers = [each for each in about.get_all("Classifier") or [] if each.startswith("License ::")]
    return expression or " ".join(classifiers) or " ".join((about.get("License") or "").split())[:100]


def objection(name: str, said: str) -> str | None:
    said = KNOWN.get(name, said)
    if LESSER.search(said):
        return None if name in LESSER_ALLOWED else f"{name}: LGPL ({said}); say in LESSER_ALLOWED why it may be used"
    # Of several licences to choose from, one that suits is enough.
    choices = re.split(r"\s+OR\s+", said)
    if any(PERMISSIVE.search(each) and not FORBIDDEN.search(each) for each in choices):
        return None
    return f"{name}: {said or 'no licence in its metadata'}; read its licence file and add it to KNOWN, or replace it"


def objections(names: list[str], about: Callable[[str], Message]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(objection(name, licence(about(name))))
        except metadata.PackageNotFoundError:
            # Locked for other platforms or Pythons, so not installed here.
            continue
    return [each for each in found if each]


def test_everything_installed_with_a_mesh_has_a_licence_that_we_can_pass_on() -> None:
    names = locked()
    installed = {(each.metadata["Name"] or "").lower().replace("_", "-") for each in metadata.distributions()}
    # Guards against a lock that this test cannot read any more.
    assert len(names) > 50
    assert len([name for name in names if name.lower() in installed]) > 50
    assert objections(names, lambda name: metadata.metadata(name)) == []  # type: ignore[arg-type,return-value]


def test_no_exception_is_kept_for_what_is_gone() -> None:
    assert {*KNOWN, *LESSER_ALLOWED} <= set(locked())


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("GPL-3.0-or-later OR MIT", True),
        ("License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)", True),
        ("GPL-3.0-only", False),
        ("License :: OSI Approved :: GNU Affero General Public License v3", False),
        ("MIT AND GPL-2.0-only", False),
        ("LGPL-3.0-or-later", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_what_may_be_used(said: str, allowed: bool) -> None:
    assert (objection("example", said) is None) == allowed
