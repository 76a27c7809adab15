"""A plan in parts, one for each stem: what rendering that stem depends on, and nothing else.

So two plans that differ in one stem have all other parts in common, and a render reads an eighth of a plan. A part is a
plan itself, on the level of JSON: whoever cuts it need not have read all the notes. The harmony, the words, what others
play and how it is all mixed are left out.
"""

from collections.abc import Mapping
from typing import Any

from music.plan import STEMS

#: Fields that are those of the whole.
_SHARED = ("version", "engine", "duration_seconds", "bpm", "key", "time_signature", "swing", "seed", "mode", "genre")
#: Of a section, where it lies and what it is called.
_OF_A_SECTION = ("name", "start_bar", "bars")
#: Of what was asked for, what engines act upon: all but the first are those of sampled ones.
_RESOLVED = ("loop", "prompt", "mood", "energy", "guidance", "temperature", "top_k", "top_p")


def part(plan: Mapping[str, Any], stem: str) -> dict[str, Any]:
    """Of a plan as `Plan.to_dict` gives it. A stem that plays nothing has a part too."""
    tracks = plan["tracks"]
    playing = {track["stem"] for track in tracks if track["notes"]}
    return {
        **{name: plan[name] for name in _SHARED},
        "sections": [{name: section[name] for name in _OF_A_SECTION} for section in plan["sections"]],
        "tracks": [track for track in tracks if track["stem"] == stem],
        "resolved": {name: plan["resolved"][name] for name in _RESOLVED if name in plan["resolved"]},
        "leads": stem == next((name for name in STEMS if name in playing), STEMS[0]),
    }
