"""What drum machines and sampled kits play, by genre: thin, in a verse and in full. Written in four unless a heading
says otherwise; `notation` explains the marks and derives the other meters.

Several of a part are alternatives: a piece draws one and keeps it, so that its choruses are alike.
"""

MACHINES = """
trap thin: ticking
    kick   X... .... .... .... | x... .... ..+. ....
    hat    x.o. x.o. x.o. x.o.
trap verse: half time
    kick   X... .... ..x. .... | X... ..x. .... ..x.
    snare  .... .... X... ....
    hat    x.o. x.o. x.o. x.o.
    open   .... .... .... ..+.
trap verse: hollow
    kick   X..x .... .... ..+. | X... ...x ..x. ....
    clap   .... .... X... ....
    rim    ...+ .... .... .+..
    hat    x.o. x.oo x.o. x.o.
trap full: bounce
    kick   X... ..x. .x.. ..x. | X..x .... ..x. x.+.
    snare  .... .... X... ....
    clap   .... .... x... ....
    rim    .... .... ...+ ....
    hat    X.x. X.x. X.x. X.xo
    open   .... ..x. .... .... | .... ..+. .... ..x.
trap full: march
    kick   X.x. .... ...x ..x. | X.x. ...x .... x..x
    snare  .... .... X... ...+ | .... ...g X... ..g+
    clap   .... .... x... ....
    hat    X.xo x.xo X.xo x.xo
    open   .... .... .... ..x.
house thin: kick and tick
    kick   X... X... X... X...
    hat    ..o. ..o. ..o. ..o,
house verse: deep
    kick   X... X... X... X...
    clap   .... x... .... x...
    rim    ...+ .... .+.. ...+
    hat    .,x. ..x. ..x, ..xo
house verse: shuffle
    kick   X... X... X... X...
    clap   .... x... .... x..,
    hat    .gxg .gx. .gxg .gx,
    open   .... .... .... ..+.
house full: open
    kick   X... X... X... X... | X... X... X... X..+
    clap   .... X... .... X... | .... X... ...+ X...
    hat    og.g og.g og.g og.g
    open   ..X. ..X. ..X. ..X.
house full: garage
    kick   X... X... X... X.+.
    clap   .... X... .... X..,
    snare  .... .... .... ...g | .... ...g .... .g..
    hat    .o.x .o.x .o.x .oxx
    open   ..X. ..x. ..X. ..x.
techno thin: engine
    kick   X... X... X... X...
    hat    ..g. ..g. ..g. ..g,
techno verse: warehouse
    kick   X... X... X... X...
    hat    ..x. ..x. ..x. ..xg
    rim    ...x .... ..+. .... | ...x .... .... .+..
    low    .... ...g .... ..,g
techno verse: loop of three
    kick   X... X... X... X...
    hat    g.xg g.xg g.xg g.xg
    rim    x..x ..x. .x.. x..+ | .x.. x..x ..x. .x.+
techno full: peak
    kick   X... X... X... X...
    clap   .... x... .... x...
    hat    ogog ogog ogog ogoo
    open   ..X. ..X. ..X. ..X.
    rim    ...+ ..+. .... .+..
techno full: ride
    kick   X... X... X... X... | X... X... X... X..+
    clap   .... x... .... x..,
    ride   x.X. x.X. x.X. x.X.
    hat    .g.g .g.g .g.g .g.g
    low    ...g .... ..,. ...g
drum and bass thin: hats ahead
    kick   X... .... .... .... | x... .... ..+. ....
    rim    .... o... .... o...
    hat    x.o. x.o. x.o. x.o.
drum and bass verse: two step
    kick   X... .... ..X. .... | X... .... ..X. ...+
    snare  .... X..g .... X..,
    hat    x.o. x.o. x.o. x.oo
drum and bass verse: late second
    kick   X... .... ..X. .... | X.+. .... .x.. ....
    snare  .... X... .g.. X..g | .... X..g ..,. X...
    hat    X.x. x.x. X.x. x.x,
    open   .... .... .... ..+.
drum and bass full: break
    kick   X.x. .... ..xx .... | X.x. .... ..xx ...+ | X.x. .... ..x. .... | ..xx .... ..x. ....
    snare  .... X..g .g.. X..g | .... X..g .g.. X..g | .... X..g .g.. ..X. | .g.. X..g .g.. ..X.
    hat    X.x. X.x. X.x. X.x.
    open   .... .... .... ..+. | .... ..+. .... ....
drum and bass full: roller
    kick   X... ...+ ..X. .... | X.+. .... ..X. .x..
    snare  .... X..g .g.. X.,g | .... X..g .g.g X..g
    hat    Xgxg xgxg Xgxg xgxo
    open   ..+. .... .... ..x.
synthwave thin: dashboard
    kick   x... .... x... ....
    hat    o... o... o... o.,.
synthwave verse: night drive
    kick   x... .... x... .... | x... .... x.+. ....
    snare  .... x... .... x...
    hat    o.o. o.o. o.o. o.o.
synthwave verse: arcade
    kick   x... ..o. x... .... | x... ..o. x... ..+.
    snare  .... x... .... x...
    hat    ogog ogog ogog ogog
    open   .... .... .... ..+.
synthwave full: highway
    kick   X... X... X... X...
    snare  .... X... .... X...
    clap   .... x... .... x...
    hat    Xgog xgog Xgog xgoo
    open   ..+. .... ..+. ..x.
    high   .... .... .... .+..
synthwave full: neon
    kick   X... ..X. X.x. .... | X... ..X. X... ..x.
    snare  .... X... .... X...
    clap   .... x... .... x...
    hat    X.x. X.x. X.x. X.x.
    open   .... ..+. .... ..x.
    mid    .... .... .... ...+
lo-fi thin: half asleep
    kick   o... .... ..o. .... | o... .... ..o. ..+.
    hat    o... o... o... o.,.
lo-fi verse: dusty
    kick   X... ...o ..x. .... | X... ...o ..x. ..+.
    snare  .... X... .... X..,
    hat    x.o. x.o. x.o, x.o.
    open   .... .... .... ..+.
lo-fi verse: rim and rain
    kick   X..o .... ..x. .+.. | X... ..+. ..xo ....
    rim    .... x... .... x..+
    snare  .... ...g .,.. ...,
    hat    x.o, x.o. x.o. x.o,
lo-fi full: head nod
    kick   X... ...x ..X. ...+ | X..+ ...x ..X. .x..
    snare  .... X..g .g.. X..,
    hat    X.xo x.x. X.xo x.x,
    open   .... .... .... ..+. | .... ..+. .... ....
lo-fi full: late night
    kick   X... ..x. ..X. .... | X... ..x. .xX. ..+.
    snare  .... X.,. .g.. X..g
    hat    X.o, X.o. X.o, X.oo
    open   .... .... ..+. .... | .... .... .... ..x.
boom bap thin: one and
    kick   x... .... ..x. .... | x... ...+ ..x. ....
    hat    x... x... x... x.,.
boom bap verse: boom bap
    kick   X... ...x ..x. .... | X... ..+x ..x. ...+
    snare  .... X... .... X..,
    hat    x.x. x.x. x.x. x.x.
    open   .... .... .... ..+.
boom bap verse: new york
    kick   X.x. .... ..x. .+.. | X.x. ...x .x.. ....
    snare  .... X..g .... X...
    hat    X.x. x.xo X.x. x.x,
boom bap full: park jam
    kick   X... ..xx ..X. .x.. | X..x ...x ..X. ..+x
    snare  .... X..g .g.. X..g
    hat    X.xo X.x. X.xo X.x,
    open   .... ..+. .... ..x. | .... .... .... ..+.
boom bap full: crate
    kick   X.x. ...x .xX. .... | X.x. ...x ..X. .x.+
    snare  .... X..g .g.. X... | .... X..g .... X.g,
    hat    X.x. x.xo X.x. x.x.
    open   .... .... ..+. ..+.
ambient thin: far away
    kick   o... .... .... ....
    hat    .... .... g... ..,.
ambient verse: pulse
    kick   o... .... .... ..,.
    rim    .... .... g... ....
    hat    g.,. g.g. g.,. g.g.
ambient full: tide
    kick   x... .... o... ..+. | x... .... ..o. ....
    rim    .... o... .... o..,
    hat    o.g. o.g. o.g, o.g.
    low    .... .... .... ..+,
"""
