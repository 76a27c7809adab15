"""What the percussionist plays, by genre, in the same manner as `machines`; there is no thin part, the player waits."""

SHAKERS = """
lo-fi verse: shaker
    shaker     g.x. g.x. g.x. g.x,
lo-fi full: shaker and glass
    shaker     ogxg ogxg ogxg ogxg
    triangle   .... .... .... ..+. | .... .... .,.. ....
boom bap verse: tambourine
    tambourine .... o... .... o...
    shaker     g.g. g.g. g.g. g.g,
boom bap full: congas
    shaker     o.g. o.g. o.g. o.go
    conga      .... ...+ .... .o+. | ..o. .... ...+ ....
    conga_low  .... .... ..o. .... | .... ...o .... ..+.
trap verse: sticks
    claves     .... ..+. .... .... | ...+ .... .... .+..
    shaker     ..g. ..g. ..g. ..g.
trap full: sticks and shaker
    shaker     g.o. g.o. g.o. g.o,
    claves     ...x .... .... ..+. | .... ..+. ...x ....
    cowbell    .... .... .... +... | .... .... .... ..,.
house verse: shaker
    shaker     ogxg ogxg ogxg ogxo
    conga_mute .... ..o. .... ..o.
house full: tumbao
    shaker     xgog xgog xgog xgoo
    conga_mute ..o. .... ..o. ....
    conga      .... ..x. .... .+xx | .... ..x. ...+ ..x.
    conga_low  .... .... ...x .... | ...x .... .... ....
    cowbell    .... .... .... .... | .... +... .... ..+.
techno verse: sixteenths
    shaker     g.o. g.o. g.o. g.o.
    claves     ...+ .... ..+. .... | .... .+.. .... +...
techno full: three over four
    shaker     gogo gogo gogo gogo
    claves     x..x ..x. .x.. x..+ | .x.. x..x ..x. .x..
    conga_low  .... ...+ .... .+.. | .... .... ...+ ....
drum and bass verse: shaker
    shaker     g.o. g.o. g.o. g.o.
drum and bass full: bongos
    shaker     o.x. o.x. o.x. o.xo
    bongo      ..,o .... .+.. ..o. | .... ..o. .o.. .,+.
    bongo_low  .... ..o. .... .... | ..o. .... .... ...+
synthwave verse: tambourine
    tambourine .... o... .... o...
synthwave full: tambourine and bell
    tambourine o.g. x.g. o.g. x.g.
    cowbell    .... .... .... ..+. | .... ..+. .... ....
pop verse: shaker
    shaker     ogxg ogxg ogxg ogxo
pop verse: egg
    shaker     o.x. o.x. o.x. o.xg
pop full: tambourine
    tambourine o.g. x.g. o.g. x.g,
    shaker     gogo gogo gogo gogo
pop full: congas
    shaker     xgog xgog xgog xgoo
    conga      .... ..o. .... .o+. | .... ..o. ...+ ..o.
    conga_low  .... .... ..o. .... | ...o .... .... ....
    tambourine .... x... .... x...
rock verse: backbeat
    tambourine .... o... .... o...
rock full: tambourine
    tambourine o.o. x.o. o.o. x.o.
    cowbell    .... .... .... .... | .... .... .... ..,.
funk verse: congas
    conga_mute o.g. o.g. o.g. o.g.
    conga      .... ..x. .... ..x. | .... ..x. ..+. ..x.
    conga_low  .... .... ..x. ...+ | .... .... ...x ....
funk full: everything
    conga_mute o.g. o.g. o.g. o.g.
    conga      .... ..xx .... ..xx | .... ..xx .+.. ..x.
    conga_low  .... .... .xx. .... | .... .... ..x. ...+
    cowbell    x... x... x... x.+.
    tambourine .... x..g .... x..g
reggae verse: shaker
    shaker     o.g. x.g. o.g. x.gg
    conga_low  ..+. .... .... ..o.
reggae full: repeater
    shaker     o.gg x.g. o.gg x.g.
    bongo      ..xx .... ..+x .... | ..xx .... .... .+x.
    bongo_low  .... ..x. .... ..x. | .... ..x. ..x. ....
jazz full: light congas
    conga_mute g.g. g.g. g.g. g.g.
    conga      .... o... .... o.o. | .... o... .... ,.o.
folk verse: shaker
    shaker     o.g. o.g. o.g. o.gg
folk full: shaker and tambourine
    shaker     oggg oggg oggg oggo
    tambourine .... x... .... x..,
classical full: triangle
    triangle   o... .... .... .... | o... .... ..,. ....
    tambourine .... o... .... o.gg
cinematic verse: skins
    conga_low  o..o ..o. o..o ..+. | o..o ..o. ...o ....
    bongo      .... .... ..,. .,..
cinematic full: ostinato
    conga_low  xgog xgog xgog xgoo
    bongo_low  ..o. .o.. ..o. .o+. | .o.. ..o. .o.. ..oo
    tambourine .... x... .... x...
ambient verse: sand
    shaker     g... ..,. g... ..,.
ambient full: sand and glass
    shaker     g.g. g.g. g.g. g.g.
    triangle   .... .... ..,. .... | .... ..+. .... ....
"""
