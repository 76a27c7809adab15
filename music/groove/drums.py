"""The drummer: which pattern a section has, how its bars differ, and what leads out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from music import seeds
from music.groove import ornaments
from music.groove.builds import build_bars, fill_for, roll_into, with_fill
from music.groove.feels import FEELS, Feel
from music.groove.notation import BACKBEATS, Pattern
from music.groove.patterns import DRUMS, PARTS, alternatives
from music.groove.play import perform
from music.groove.score import PEAKS, Hit, Place, groove_end, lay, loudness, pace, places, strike
from music.instruments import CLOSED_HAT, CRASH, INSTRUMENTS, KICK, OPEN_HAT, PEDAL_HAT, RIDE
from music.plan import Section, Track
from music.request import Composition

#: Genres without drums have them all the same when so much is asked for.
DRUMS_ANYWAY = 0.7


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    wanted: Composition
    feel: Feel
    #: By part, the one that this piece keeps first.
    chosen: Mapping[str, tuple[Pattern, ...]]
    #: The chorus from which on the ride takes over from the hat.
    rides_from: int
    half_time_bridge: bool


def plays(wanted: Composition) -> bool:
    asked = "drums" in wanted.asked_stems or any(INSTRUMENTS[name].stem == "drums" for name in wanted.instruments)
    return wanted.genre_facts.drums or wanted.energy >= DRUMS_ANYWAY or asked


def kit(wanted: Composition) -> str:
    """The one asked for, else the genre's, else any that is not unwanted."""
    asked = [name for name in wanted.instruments if name.startswith("kit_")]
    usual = [FEELS[wanted.genre].kit, *(name for name in INSTRUMENTS if name.startswith("kit_"))]
    allowed = [name for name in [*asked, *usual] if name not in wanted.avoided]
    return (allowed or usual)[0]


def track(wanted: Composition, sections: Sequence[Section]) -> Track:
    player = _player(wanted)
    hits = [
        hit
        for place in places(wanted, sections)
        for hit in _section(player, place, seeds.generator(wanted.seed, "groove", "drums", str(place.index)))
    ]
    if groove_end(wanted, sections) < wanted.bars:
        hits += _closing(player, sections[-1].energy, groove_end(wanted, sections) * wanted.meter.beats)
    draw = seeds.generator(wanted.seed, "groove", "drums", "hands")
    return Track(name="drums", stem="drums", instrument=kit(wanted), notes=perform(hits, wanted, player.feel, draw))


def _player(wanted: Composition) -> Player:
    draw = seeds.generator(wanted.seed, "groove", "drums", "choice")
    feel = FEELS[wanted.genre]
    chosen: dict[str, tuple[Pattern, ...]] = {}
    for part in PARTS:
        found = alternatives(DRUMS, wanted.genre, part, wanted.meter.signature)
        chosen[part] = tuple(found[i] for i in draw.permutation(len(found)))
    ride, half = draw.random(2)
    return Player(
        wanted=wanted,
        feel=feel,
        chosen=chosen,
        rides_from=0 if ride < feel.ride / 2 else 1 if ride < feel.ride else 1000,
        half_time_bridge=feel.half_time_bridge and half < 0.5,
    )


def _part(place: Place) -> str:
    """From the emptiest to the fullest: a kind has its usual part, and energy decides when it is reached."""
    if place.kind in PEAKS:
        return "thin" if place.energy < 0.15 else "verse" if place.energy < 0.35 else "full"
    usual_from = {"intro": 0.6, "verse": 0.2, "prechorus": 0.2, "bridge": 0.3, "breakdown": 0.65, "outro": 0.45}
    return "thin" if place.energy < usual_from[place.kind] else "verse"


def _section(player: Player, place: Place, draw: np.random.Generator) -> list[Hit]:
    hits: list[Hit] = []
    rolling = build_bars(place, player.feel, draw)
    for bar in range(place.bars):
        hits += _bar(player, place, bar, rolling, draw)
    if rolling:
        hits = roll_into(hits, place, player.wanted, player.feel, rolling, draw)
    return hits


def _bar(player: Player, place: Place, bar: int, rolling: int, draw: np.random.Generator) -> list[Hit]:
    wanted, feel = player.wanted, player.feel
    start = float((place.section.start_bar + bar) * wanted.meter.beats)
    hits = _groove(player, place, bar, start, draw)
    hits = _instrumented(hits, player, place, bar)
    if feel.hat_rolls:
        hits = ornaments.rolled(hits, wanted, start, place.energy, draw)
    hits = ornaments.varied(hits, wanted, feel, start, place.energy, draw)
    if bar < place.bars - rolling:
        fill = fill_for(place, bar, wanted, feel, draw)
        if fill is not None:
            hits = with_fill(hits, fill, wanted, start, _scale(place, bar))
    hits = _crashed(hits, player, place, bar, start, draw)
    return hits or [Hit(at=start, piece=feel.pulse, level=0.3 * loudness(place.energy))]


def _scale(place: Place, bar: int) -> float:
    """A section grows a little; what leads to a chorus grows more, and an outro fades."""
    growth = {"prechorus": 0.2, "breakdown": 0.16, "intro": 0.16, "outro": -0.2}.get(place.kind, 0.06)
    return loudness(place.energy) * (1.0 + growth * (bar / max(place.section.bars - 1, 1) - 0.5))


def _groove(player: Player, place: Place, bar: int, start: float, draw: np.random.Generator) -> list[Hit]:
    patterns = player.chosen[_part(place)]
    bars_in_one = pace(player.wanted, player.feel)
    if place.kind == "bridge":
        patterns = patterns[1:] or patterns
        if player.half_time_bridge and bars_in_one == 1.0:
            bars_in_one = 0.5
    return strike(
        lay(patterns[0], player.wanted, bar, bars_in_one),
        start=start,
        scale=_scale(place, bar),
        energy=min(place.energy + 0.1 * place.returns, 1.0),
        variation=player.wanted.variation,
        draw=draw,
    )


def _instrumented(hits: list[Hit], player: Player, place: Place, bar: int) -> list[Hit]:
    """Who sits out, and who moves to the ride; the open hat silences the closed one."""
    out: set[int] = set()
    half = bar < place.section.bars // 2
    if place.kind == "intro" and half and place.energy < 0.75:
        out = {*BACKBEATS, OPEN_HAT}
    elif place.kind == "breakdown" and player.feel.roll is not None and place.energy < 0.75:
        out = {KICK}
    elif place.kind == "outro" and not half:
        out = {OPEN_HAT}
    kept = [hit for hit in hits if hit.piece not in out]
    if place.kind in PEAKS and place.returns >= player.rides_from and _part(place) == "full":
        return _on_the_ride(kept, player.wanted.meter.beats)
    opened = {hit.at for hit in kept if hit.piece == OPEN_HAT}
    return [hit for hit in kept if hit.piece not in (CLOSED_HAT, PEDAL_HAT) or hit.at not in opened]


def _on_the_ride(hits: list[Hit], beats: int) -> list[Hit]:
    """The hat's foot keeps the back beats. The ride rings, so what is between the eighths is left out."""
    moved: list[Hit] = []
    for hit in hits:
        if hit.piece == CLOSED_HAT:
            if hit.level > 0.3 and (hit.at * 2 % 1 == 0 or beats == 2):
                moved.append(hit._replace(piece=RIDE))
            if hit.at % 2 == 1:
                moved.append(hit._replace(piece=PEDAL_HAT, level=0.6 * hit.level))
        elif hit.piece != OPEN_HAT:
            moved.append(hit)
    return moved


def _crashed(
    hits: list[Hit], player: Player, place: Place, bar: int, start: float, draw: np.random.Generator
) -> list[Hit]:
    threshold, luck = player.feel.crash, draw.random()
    if bar == 0:
        peak = place.kind in PEAKS
        after_peak = place.before is not None and place.before.kind in PEAKS and place.before.energy >= threshold
        struck = (place.energy >= threshold - (0.1 if peak else 0.0) and (peak or place.index > 0)) or after_peak
    else:
        struck = place.kind in PEAKS and bar % 8 == 0 and place.energy >= threshold + 0.1 and luck < 0.6
    if not struck:
        return hits
    level = loudness(place.energy) * (0.95 if bar == 0 else 0.75)
    others = [hit for hit in hits if hit.at > start or hit.piece not in (CLOSED_HAT, OPEN_HAT, PEDAL_HAT, RIDE)]
    if bar == 0 and not any(hit.piece == KICK and hit.at == start for hit in others):
        others.append(Hit(at=start, piece=KICK, level=level))
    return [*others, Hit(at=start, piece=CRASH, level=level)]


def _closing(player: Player, energy: float, at: float) -> list[Hit]:
    """One hit, into the ring-out."""
    level = 0.9 * loudness(energy)
    ringing = CRASH if player.wanted.energy >= 0.4 and player.feel.crash <= 1.0 else player.feel.pulse
    return [Hit(at=at, piece=KICK, level=level), Hit(at=at, piece=ringing, level=0.8 * level)]
