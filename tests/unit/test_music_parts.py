"""A plan in parts: what a stem's render is given, and what it does not hang on."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from music import compose
from music.engines import Order, Sampled
from music.errors import RequestError
from music.genres import GENRES
from music.neural.prompting import prompt_text
from music.neural.sampling import sampling_of
from music.parts import part
from music.plan import STEMS, Plan, plan_from_dict
from music.rendering import render
from services.worker.handlers import stored
from tests.fixtures.local_context import LocalContext
from tutti import structs

Json = dict[str, Any]


def planned(**request: Any) -> Json:
    source: Json = json.loads(json.dumps(compose({"seed": 5, "duration": 3, **request}).to_dict()))
    return source


def parts(plan: Json) -> dict[str, Json]:
    return {stem: part(plan, stem) for stem in STEMS}


def changed(before: Json, after: Json) -> list[str]:
    one, other = parts(before), parts(after)
    return [stem for stem in STEMS if one[stem] != other[stem]]


def sound(plan: Plan, stem: str) -> list[tuple[str, int, bool, str]]:
    pieces = render(plan, stems=[stem])
    return [
        (piece.section_name, piece.offset, piece.last_of_section, hashlib.sha256(piece.audio.tobytes()).hexdigest())
        for piece in pieces
    ]


@pytest.mark.parametrize("genre", GENRES)
def test_a_part_sounds_as_its_stem_does_in_the_whole(genre: str) -> None:
    source = planned(genre=genre, bpm=GENRES[genre].fast_bpm, structure="verse 1, chorus 1", loop=genre == "house")
    whole = plan_from_dict(source)
    assert len(whole.stems) >= 3
    for stem in whole.stems:
        assert sound(plan_from_dict(part(source, stem)), stem) == sound(whole, stem), stem


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda plan: plan["tracks"][0]["notes"].pop(3), ["drums"]),
        (lambda plan: plan["tracks"][0].update(notes=[]), ["drums"]),
        (lambda plan: track(plan, "lead").update(instrument="violin"), ["lead"]),
        (lambda plan: plan["tracks"].remove(track(plan, "bass")), ["bass"]),
        (lambda plan: plan["mix"]["strips"]["bass"].update(gain_db=3.0), []),
        (lambda plan: plan["mix"]["strips"]["bass"].update(reverb=0.9, pan=-0.5), []),
        (lambda plan: plan["mix"].update(loudness_target=-9.0, glue=0.1), []),
        (lambda plan: plan["resolved"]["loudness_target"].update(value=-9.0), []),
        (lambda plan: plan["chords"][0].update(symbol="Bb7"), []),
        (lambda plan: plan.update(lyrics=[{"start": 0, "beats": 1, "text": "la"}]), []),
        (lambda plan: plan["sections"][0].update(energy=1.0), []),
        (lambda plan: plan.update(seed=6), list(STEMS)),
        (lambda plan: plan.update(bpm=99), list(STEMS)),
    ],
)
def test_what_changes_for_one_stem_changes_one_part(edit: Callable[[Json], object], expected: list[str]) -> None:
    before = planned(genre="pop", duration=20)
    after = copy.deepcopy(before)
    edit(after)
    # Without drums another stem is the first; its part says so.
    first = ["percussion"] if not track(after, "drums")["notes"] else []
    assert changed(before, after) == expected + first


def track(plan: Json, stem: str) -> Json:
    found: Json = next(each for each in plan["tracks"] if each["stem"] == stem)
    return found


@pytest.mark.parametrize("genre", GENRES)
async def test_a_plan_that_comes_back_unedited_has_the_same_parts_to_the_byte(genre: str, tmp_path: Path) -> None:
    source = planned(genre=genre, duration=40)
    # As it goes through a request over REST, and through jen1.
    back = plan_from_dict(structs.to_dict(structs.from_dict(source))).to_dict()
    context = LocalContext(tmp_path)

    async def digests(plan: Json) -> list[str]:
        kept = [plan, *parts(plan).values()]
        return [(await stored.store_json(context, f"{i}.json", each))["sha256"] for i, each in enumerate(kept)]

    assert await digests(back) == await digests(source)


def test_one_part_leads_and_is_all_that_a_whole_mix_is_answered_under() -> None:
    source = planned(genre="pop", duration=20, guidance=5, prompt="pop, no percussion, as if there were no tomorrow")
    whole = plan_from_dict(source)
    engine = Sampled(None)  # type: ignore[arg-type]
    cut = {stem: plan_from_dict(each) for stem, each in parts(source).items()}

    def plays(plan: Plan, *stems: str) -> bool:
        return engine.plays(Order(plan=plan, stems=stems or None, seed=None, sample_rate=44_100, first_section=0))

    assert [stem for stem in STEMS if plays(cut[stem], stem)] == [whole.stems[0]]
    assert [stem for stem in STEMS if cut[stem].leads] == [whole.stems[0]]
    leading = cut[whole.stems[0]]
    assert sampling_of(leading) == sampling_of(whole)
    assert prompt_text(leading).startswith(source["resolved"]["prompt"]["value"])


def test_whether_a_part_leads_is_yes_or_no_and_not_said_of_a_whole() -> None:
    source = planned()
    assert "leads" not in plan_from_dict(source).to_dict()
    one = part(source, "drums")
    assert plan_from_dict(one).to_dict()["leads"] is True
    with pytest.raises(RequestError, match="leads"):
        plan_from_dict({**one, "leads": "perhaps"})
