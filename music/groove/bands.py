"""What drummers at a kit or at drums play, by genre, in the same manner as `machines`."""

BANDS = """
pop thin: finger snaps
    kick   x... .... o... ....
    rim    .... o... .... o...
    hat    g... g... g... g.,.
pop verse: straight
    kick   X... .... x.x. .... | X... .... x.x. ..+.
    snare  .... X... .... X...
    hat    x.o. x.o. x.o. x.o.
    open   .... .... .... ..+.
pop verse: rim
    kick   X... ..x. ..x. .... | X... ..x. ..x. ...+
    rim    .... x... .... x..,
    hat    xgog xgog xgog xgo,
pop verse: tresillo
    kick   X..x ..x. X..x ..+. | X..x ..x. X..x ....
    clap   .... x... .... x...
    hat    x.o. x.o. x.o. x.oo
pop verse: half time
    kick   X... ..x. .... .x.. | X... ...x .... ..+.
    snare  .... .... X... ....
    hat    x.og x.o. x.og x.o,
pop full: floor
    kick   X... X... X... X... | X... X... X... X.+.
    snare  .... X... .... X...
    clap   .... x... .... x...
    hat    X.o. X.o. X.o. X.oo
    open   ..+. .... ..+. ..x.
pop full: anthem
    kick   X... ..x. X.x. .... | X... ..x. X.x. ...x
    snare  .... X... .... X..,
    clap   .... x... .... x...
    hat    Xgxg xgxg Xgxg xgxg
    open   .... .... .... ..+.
pop full: drive
    kick   X.x. ..x. X.x. ..+. | X.x. ..x. ..x. x...
    snare  .... X... .... X..g
    hat    X.x. X.x. X.x. X.x.
    open   .... ..+. .... ..x.
pop full: dance
    kick   X... X..+ X... X... | X... X... X..x X...
    clap   .... X... .... X...
    hat    og.g og.g og.g og.g
    open   ..x. ..x. ..x. ..x.
rock thin: waiting
    kick   x... .... x... ....
    hat    x... o... x... o.,.
    low    .... .... .... ..,g
rock verse: eights
    kick   X... .... x.x. .... | X... .... x.x. ..+.
    snare  .... X... .... X...
    hat    X.o. x.o. X.o. x.o.
    open   .... .... .... ..+.
rock verse: garage
    kick   X.x. .... ..x. ..+. | X.x. .... ..x. x...
    snare  .... X..g .... X...
    hat    X.x. X.x. X.x. X.x.
rock verse: floor tom
    kick   X... .... x... ....
    snare  .... X... .... X...
    low    x.x. ..x. x.x. ..x. | x.x. ..x. x.x. ..+.
rock full: anthem
    kick   X... ..x. X.x. .... | X... ..x. X.x. ..x.
    snare  .... X... .... X..,
    hat    X.x. X.x. X.x. X.x.
    open   .... ..+. .... ..x.
rock full: wash
    kick   X.x. ..x. ..x. .... | X.x. ..x. ..x. x.+.
    snare  .... X... .... X...
    open   X... x... X... x.+.
    hat    ..o. ..o. ..o. ....
rock full: drive
    kick   X.x. .... X.x. ..x. | X.x. ..+. X.x. ....
    snare  .... X... .... X..g
    hat    X.x. X.x. X.x. X.x,
    open   .... .... .... ..x. | .... ..+. .... ..+.
funk thin: closed
    kick   x... .... ..o. ....
    hat    x.o. x.o. x.o. x.o,
funk verse: drummer
    kick   X.x. ..x. ..x. .x.. | X.x. ..x. ..x. ..+.
    snare  .... X..g .g.g X..g
    hat    Xoxo xoxo Xoxo xoxo
    open   .... ...+ .... .+..
funk verse: clipped
    kick   X..x .... .xx. ...+ | X..x .... ..x. .+..
    snare  .... X..g ..g. X.g. | .... X..g .g.. X...
    hat    X.xo x.x. X.xo x.xo
funk full: on the one
    kick   X.x. ...x .xx. .x.. | X.x. ...x ..x. .x.x
    snare  .... X..g .g.g X.gg | .... X.g. .g.g X..g
    hat    Xoxo Xoxo Xoxo Xox.
    open   .... .... ...+ ..x. | .... ..+. .... ..x.
funk full: displaced
    kick   X.x. .... ..x. .x+. | X.x. ...x ..x. ....
    snare  .... X..g .g.. ..X. | .... X..g .g.g X..g
    hat    Xoxo xoxo Xoxo xo.o
    open   ..+. .... .... ..+.
reggae thin: rim only
    rim    .... x... .... x...
    hat    o.g. o.g. o.g. o.g,
reggae verse: one drop
    kick   .... X... .... X...
    rim    .... X... .... X..+
    hat    x.o. x.ox x.o. x.o,
    open   .... .... .... ..+.
reggae verse: one drop with rolls
    kick   .... X... .... X... | .... X... ..+. X...
    rim    ...+ X... .... X.+. | .... X..+ .... X...
    snare  .... .... .... .... | .... .... ..,. ..,g
    hat    x.og x.o. x.og x.o.
reggae full: steppers
    kick   X... X... X... X...
    snare  .... X... .... X..,
    rim    ...+ .... ..+. ....
    hat    x.xo x.x. x.xo x.x.
    open   ..+. .... .... ..x.
reggae full: rockers
    kick   X... X.+. X... X.x. | X... X... X.x. X...
    snare  .... X..g .... X... | .... X... .g.. X.g.
    hat    X.xo X.x. X.xo X.xo
    open   .... ..+. .... ..+.
jazz thin: two feel
    ride   x... o... x... o.g.
    pedal  .... x... .... x...
jazz verse: swing
    ride   X... X.o. X... X.o. | X... X.o. X.o. X.o.
    pedal  .... x... .... x...
    kick   g... g... g... g...
    snare  ..,. ..,. ..,. ..,. | ..,. .... ,.,. ..,.
jazz verse: broken
    ride   X... X.o. X... X.o. | X.o. X... X.o. X...
    pedal  .... x... .... x...
    kick   g... g... g... g.+.
    snare  .... ..,. ..,. ,... | ..,. ..,. .... ..,.
    rim    .... .... .... +...
jazz full: shout
    ride   X... X.x. X... X.x. | X.x. X... X.x. X.x.
    pedal  .... x... .... x...
    kick   g... g.,. g... g.+. | g... g... g.+. g...
    snare  ..,. ..+. ..,. ,.,. | ..+. ,.,. ..,. ..+.
jazz full: up
    ride   X.o. X.o. X... X.o. | X... X.o. X... X.o.
    pedal  .... x... .... x...
    kick   g... g... g.+. g...
    snare  ,.+. ..,. ..,. ..+. | ..,. ,.+. ..,. ....
    bell   .... .... .... ..+.
jazz thin in 3: soft waltz
    ride   x... o... o.g.
    pedal  .... x... ....
jazz verse in 3: waltz
    ride   X... X.o. X... | X... X.o. X.o.
    pedal  .... x... .... | .... x... x...
    kick   o... .... .... | o... .... ..,.
    snare  ..,. ..,. ..,. | .... ..,. ,.,.
jazz full in 3: wide waltz
    ride   X... X.x. X.x. | X.x. X... X.x.
    pedal  .... x... x... | .... x... ..,.
    kick   x... ..+. .... | x... .... ..+.
    snare  ..,. ..+. ,.,. | ..,. ,.,. ..+.
jazz thin in 6: slow six
    ride   x...o. x.....
    pedal  ...... x.....
jazz verse in 6: afro
    ride   X.x.x. X.oxx. | X.xox. X.x.x.
    pedal  ...... x.....
    kick   g...,. g.....
    snare  ..,... ....,. | ....,. ..,.,.
jazz full in 6: afro, loud
    ride   X.xox. X.xox. | X.x.xo X.xox.
    pedal  ...... x.....
    kick   o...+. o..... | o..... g...+.
    snare  ..,.+. ....,. | ....,. ..+.,.
folk thin: foot
    kick   o... .... o... ....
    rim    .... g... .... g..,
    snare  .... .... ..,. ..,.
folk verse: porch
    kick   x... .... o... ..,.
    snare  .... o... .... o...
    hat    .... ..,. .... ..,.
folk verse: brushes
    kick   x... .... o.,. ....
    snare  g.g. o.g. g.g. o.g, | g.g. o.gg g.g. o.g.
folk full: stomp
    kick   X... ..o. x... .... | X... ..o. x... ..+.
    snare  .... x... .... x..,
    hat    o.g. o.g. o.g. o.g.
folk full: train
    kick   X... x... X... x...
    snare  ggxg ggxg ggxg ggxg | ggxg ggxg ggxg gxxg
folk verse in 3: slow turn
    kick   x... .... .... | x... .... ..,.
    snare  .... o... o... | .... o... o.g.
folk full in 3: barn waltz
    kick   X... .... .... | X... ..+. ....
    snare  .... x... x..g | .... x.g. x...
    hat    o... o.g. o.g.
folk verse in 6: ballad
    kick   x..... ...... | x..... ....,.
    snare  ...... o.....
    hat    o.g.g. o.g.g.
folk full in 6: jig
    kick   X...o. x..... | X...o. x...o.
    snare  ....,. x...g. | ..g... x...gg
    hat    o.g.o. o.g.o.
classical thin: distant
    low    o... .... .... ..g.
    snare  .... .... g... ....
classical verse: procession
    low    x... .... o... .... | x... .... o... ..+.
    snare  .... g.gg .... g.g,
    kick   o... .... .... ....
classical full: march
    low    X... x... X... x.xx | X... x... X.x. x...
    snare  x.oo x.o. x.oo x.o. | x.oo x.o. xooo x.o,
    kick   X... .... x... ....
cinematic thin: heartbeat
    kick   x... .... .... .... | x... .... ..,. ....
    low    o..g .... .... ..,.
cinematic verse: footsteps
    kick   X... .... ..x. .... | X... .... ..x. ..+.
    low    X..x ..o. x... ..+. | X..x ..o. x..o ....
    rim    .... g..g .... g..,
cinematic verse: ticking
    kick   X... .... X... ....
    low    x... ..x. .... ..x, | x... ..x. ..x. ..+.
    hat    g.gg g.gg g.gg g.gg
cinematic full: war drums
    kick   X... ..X. X... .x.. | X... ..X. X... ..x.
    low    Xoxo xoXo oxXo xoXx | Xoxo xoXo oxXo XoXX
    mid    .... ..x. .... x.+. | .... .... ..x. .x..
    snare  .... .... X... .... | .... .... X... ...+
cinematic full: charge
    kick   X... x... X... x... | X... x... X... x.x.
    low    Xoox ooxo oxoo xoxo
    mid    ...x .... .x.. .... | .... ..x. .... .xx.
    snare  .... X... .... X..g
"""
