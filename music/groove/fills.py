"""The bars that end a phrase: what is played on their last beats instead of the groove, and rolls that lead to a drop.

A fill is written from its end: one of four beats in a bar of three loses its first.
"""

from collections.abc import Mapping

from music.groove.notation import Pattern, read

#: For the end of a phrase, of two phrases or a quiet section, and before a chorus or a drop.
SIZES = ("small", "medium", "large")

_FILLS = """
band small: pick-up
    snare  ..xX
band small: two and
    snare  x.xx
band small: tom answer
    snare  xx..
    low    ..xx
band small: lift
    open   ..X.
    snare  x...
band medium: down the kit
    snare  xxxx ....
    high   .... xx..
    low    .... ..xX
band medium: broken
    snare  x..x ..xX
    high   ..x. ....
    low    .... .x..
    kick   .x.. x...
band medium: eights
    snare  x.x. xxxX
band large: round the kit
    snare  xxxx .... .... ..XX
    high   .... xxxx .... ....
    mid    .... .... xx.. ....
    low    .... .... ..xx xx..
    kick   x... x... x... x...
band large: build
    snare  x.x. x.x. xxxx xxXX
    low    x.x. x.x. xxxx xxXX
    kick   x... x... x... x...
band large: triplet feel
    snare  x..x ..x. .x.. X.XX
    high   .x.. x... ..x. ....
    low    ..x. .x.. x..x ....
    kick   x... x... x... x...
gated small: one tom
    mid    ..X.
    low    ...X
gated small: snares
    snare  x.XX
gated medium: falling
    high   X.X. ....
    mid    ..X. X...
    low    .... ..XX
gated medium: sixteenths
    high   xx.. ....
    mid    ..xx ....
    low    .... xxxx
gated large: falling, slowly
    high   X.xx .... .... ....
    mid    .... X.xx .... ....
    low    .... .... X.xx ....
    snare  .... .... .... XxXX
    kick   X... X... X... X...
gated large: hammer
    snare  X..X ..X. X.X. XXXX
    low    .X.. X... .X.. ....
    kick   X... X... X... X...
dusty small: late kick
    kick   .x.x
    hat    o...
dusty small: ghosts
    snare  .gox
dusty small: open
    open   ..x.
dusty medium: stutter
    kick   x..x ....
    snare  .x.. x.ox
dusty medium: drop out
    kick   X... ....
    snare  .... ..xx
dusty large: chop
    kick   X..x ..x. ...x ....
    snare  .... X..o .X.. x.xX
    hat    x.x. .... x.x. ....
dusty large: stop
    kick   X... ..x. X... ....
    snare  .... X... .... ..xX
trap small: double
    snare  ..xx
trap small: claps
    clap   x.x.
trap medium: toms
    high   x.x. ....
    low    .... x.xx
trap medium: silence
    kick   X... ....
    open   .... ..x.
trap large: roll out
    snare  .... X... x.x. xxXX
    kick   X..x .... .... ....
trap large: toms
    kick   X... ..x. .... ....
    high   .... x.xx .... ....
    mid    .... .... x.xx ....
    low    .... .... .... X.XX
house small: open
    open   ..X.
    hat    x..x
house small: claps
    clap   x.xx
    kick   x...
house small: skip
    kick   x..x
    open   ..x.
house medium: claps
    clap   x..x ..xx
    kick   x... x...
    hat    ..x. ..x.
house medium: snare
    snare  ..xx .xxX
    kick   x... x...
house large: drums out
    clap   x... x.x. x..x .xxX
    kick   X... X... .... ....
    hat    x.x. x.x. .... ....
house large: snare
    snare  x... x... x.x. xxXX
    kick   X... X... X... ....
techno small: no kick
    rim    x..x
    open   ..X.
techno small: tom
    low    .xxx
    kick   x...
techno medium: toms
    low    x..x ..x.
    kick   x... x...
    hat    ..x. ..x.
techno medium: no kick
    clap   .... x..x
    hat    xoxo xoxo
techno large: kick out
    snare  ..x. ..x. .x.x xxXX
    kick   X... X... .... ....
techno large: toms
    low    x..x ..x. .x.. x.xx
    kick   X... X... X... ....
    open   ..x. ..x. ..x. ..X.
breaks small: ghosts
    snare  xgxx
breaks small: kick and snare
    kick   x..x
    snare  .xx.
breaks medium: chop
    snare  X.gx .gX.
    kick   .x.. x..x
breaks medium: rush
    snare  x.xx xxXX
breaks large: cut up
    kick   X..x ..x. .x.. x...
    snare  ..X. .X.g X..X .XxX
    hat    x.x. x.x. x.x. ....
breaks large: rush
    kick   X.x. .... X... ....
    snare  .... X..x x.xx xxXX
funk small: linear
    snare  x..x
    kick   .xx.
funk small: bark
    snare  xg.x
    open   ..X.
funk small: ghosts
    snare  ggxX
funk medium: linear
    snare  x..x g.xX
    kick   .xx. .x..
    hat    .... x...
funk medium: toms
    snare  xx.x ....
    high   ..x. xx..
    low    .... ..xX
funk large: round
    snare  X.gx gg.. x... ..XX
    high   .... ..xx .xx. ....
    low    .... .... ...x xx..
    kick   x... x... x... x...
funk large: break
    kick   X.x. ..x. .x.. ....
    snare  .... X..x ..gx .gXX
reggae small: timbale
    high   x.xx
reggae small: rim
    rim    x.x.
    kick   ...x
reggae small: open
    open   ..x.
    rim    x...
reggae medium: pick-up
    high   .xx. x.x.
    low    .... .x.X
reggae medium: crack
    snare  x..x .xxX
reggae large: roll in
    snare  x.xx .... .... ....
    high   .... x.xx x.x. ....
    low    .... .... ...x x.xX
    kick   x... x... x... x...
reggae large: drop
    snare  X..X ..X. .... xxX.
    kick   X..X ..X. .... ....
jazz small: snare
    snare  o.x.
    ride   x.o.
    pedal  x...
jazz small: kick
    snare  ..o.
    kick   ..x.
    ride   x...
    pedal  x...
jazz medium: trade
    snare  x.o. ..X.
    kick   .... x...
    ride   x... x...
    pedal  .... x...
jazz medium: toms
    high   x.o. ....
    low    .... x.x.
    pedal  .... x...
jazz large: chorus end
    snare  x.o. x.x. .... ..X.
    high   .... .... x.o. ....
    low    .... .... .... x...
    kick   x... ..x. .... ..x.
    pedal  .... x... .... x...
jazz large: set up
    snare  ..x. .... x.o. x.X.
    kick   X... ..x. .... ....
    ride   x... x.o. x... ....
    pedal  .... x... .... x...
soft small: two
    snare  ..go
soft small: tom
    low    ..o.
    snare  g...
soft medium: toms
    mid    o.o. ....
    low    .... o.oo
soft medium: brushes
    snare  g.go gogo
soft large: toms
    snare  o.o. .... .... ....
    mid    .... o.o. oo.. ....
    low    .... .... ..oo o.xx
    kick   o... o... o... o...
soft large: brushes
    snare  g.g. o.o. gogo oxxX
    kick   o... o... o... o...
march small: drag
    snare  ggox
march small: drum
    low    x.xx
march medium: roll
    snare  gooo oxxX
march medium: drum
    low    x.x. xxxx
march large: swell
    low    o.o. oooo xxxx XXXX
    snare  .... g.g. oooo xxXX
march large: gather
    low    x... x.x. x.xx xXXX
    kick   X... .... X... ....
skins small: pair
    low    ..xX
skins small: answer
    mid    x.x.
    low    .x.X
skins medium: fall
    high   x.xx ....
    mid    .... xx..
    low    .... ..XX
skins medium: gather
    low    x..x ..xX
    kick   x... ..x.
skins large: fall
    high   X.xx .... .... ....
    mid    .... X.xx x... ....
    low    .... .... ..xx XxXX
    kick   X... .... X... ....
skins large: gather
    low    x... x.x. x.xx xXXX
    mid    .... ..x. .x.x x.X.
    kick   X... X... X... X...
"""


def _by_family() -> Mapping[tuple[str, str], tuple[Pattern, ...]]:
    found: dict[tuple[str, str], tuple[Pattern, ...]] = {}
    for fill in read(_FILLS):
        found[fill.owner, fill.part] = (*found.get((fill.owner, fill.part), ()), fill)
    return found


#: By family and size.
FILLS = _by_family()


def roll_times(start: float, beats: float, per_beat: int) -> list[tuple[float, float]]:
    """A roll of `beats` up to a drop, in (time, how far it has come from 0 to 1): beats, then halves or thirds,
    then twice and at the very end four times as quick."""
    times: list[tuple[float, float]] = []
    at = 0.0
    while at < beats - 1e-6:
        left = beats - at
        done = at / beats
        divisions = 1 if done < 0.375 else per_beat if done < 0.6875 else 2 * per_beat if left > 1 else 4 * per_beat
        times.append((start + at, done))
        at += 1.0 / divisions
    return times
