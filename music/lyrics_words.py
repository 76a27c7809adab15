"""The words that lyrics are written from, by theme.

A line is a head, which is a whole clause, and an end, which says where, when or how: any head goes with any end. Ends
are grouped by rhyme. A hook is a line of its own, which a chorus keeps coming back to; it names the group that it
rhymes with.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    #: What a prompt says when it means this theme; the first is its name.
    words: tuple[str, ...]
    heads: tuple[str, ...]
    #: (hook, rhyme group).
    hooks: tuple[tuple[str, str], ...]
    #: Ends of its own by rhyme group, beside those for all themes.
    ends: dict[str, tuple[str, ...]]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().split("|"))


#: Ends for every theme. Those of a group rhyme with each other and with the theme's of the same group.
ENDS = {
    "ight": _lines("all through the night | like birds in flight | out of sight | into the light | with all my might"),
    "ay": _lines("at the break of day | along the way | come what may | just like yesterday | miles away"),
    "ound": _lines("without a sound | on solid ground | where the lost are found | all around"),
    "ine": _lines("in the pale sunshine | without a sign | down the line"),
    "ow": _lines("wherever you go | high and low | long ago | in the afterglow | before we know"),
    "ide": _lines("on the other side | far and wide | with nothing to hide | where the roads divide"),
    "ire": _lines("higher and higher | through smoke and fire | along the wire"),
    "ee": _lines("for you and me | wild and free | as far as I can see | like it used to be"),
    "ore": _lines("like never before | outside your door | on a distant shore | forevermore"),
    "own": _lines("when the sun goes down | all over town | like a king without a crown"),
}

THEMES = (
    Theme(
        words=_lines("love | lover | heart | romance | romantic | kiss | valentine | wedding | crush | together"),
        heads=_lines(
            "I hold your hand | you say my name | your heart beats next to mine | we fall again | I feel you near | "
            "you make me brave | I give my heart to you | we dance real slow | your eyes are calling me | "
            "I never knew a love like this | we stay awake | I will be yours"
        ),
        hooks=(
            ("stay with me tonight", "ight"),
            ("you are the one I see", "ee"),
            ("love me like before", "ore"),
            ("my heart is on fire", "ire"),
        ),
        ends={
            "ight": ("holding on so tight", "in the candlelight"),
            "ee": ("when you look at me",),
            "ine": ("with your lips on mine",),
            "ore": ("wanting nothing more",),
            "ay": ("each time that you stay",),
        },
    ),
    Theme(
        words=_lines("night | midnight | neon | moon | moonlight | stars | late | dark | drive | after hours"),
        heads=_lines(
            "the streetlights hum | we drive too fast | the moon is high | the neon burns | the radio plays our song | "
            "I watch the shadows move | the city sleeps | we chase the stars | "
            "the engine sings | nobody knows our names"
        ),
        hooks=(
            ("we own the night", "ight"),
            ("drive me through the night", "ight"),
            ("let the moon come down", "own"),
            ("follow the neon line", "ine"),
        ),
        ends={
            "ight": ("under the moonlight", "in black and white"),
            "own": ("with the windows down",),
            "ow": ("in the neon glow",),
            "ine": ("past the last road sign",),
        },
    ),
    Theme(
        words=_lines("summer | sun | sunshine | beach | holiday | sunny | tropical | june | island | heat"),
        heads=_lines(
            "the sun is up | we run barefoot | the sky is blue | the waves roll in | we sing along | "
            "your skin is gold | the days are long | we laugh out loud | the palm trees sway | "
            "we leave our shoes behind"
        ),
        hooks=(
            ("summer is on our side", "ide"),
            ("give me one more day", "ay"),
            ("stay in the sun with me", "ee"),
            ("let the summer shine", "ine"),
        ),
        ends={
            "ay": ("in the month of May", "on a holiday"),
            "ine": ("like a glass of wine",),
            "ee": ("by the bright blue sea",),
            "ide": ("with the rising tide",),
        },
    ),
    Theme(
        words=_lines("city | street | streets | town | urban | skyline | subway | downtown | hustle | concrete"),
        heads=_lines(
            "the trains roll by | we walk the streets | the towers rise | I know this block | the traffic hums | "
            "the corner store is closed | my feet keep time | we came from nothing | the rooftops wait | "
            "a siren sings"
        ),
        hooks=(
            ("this is my town", "own"),
            ("city of light", "ight"),
            ("run through these streets with me", "ee"),
            ("we never slow down", "own"),
        ),
        ends={
            "own": ("through the heart of town", "with my hood pulled down"),
            "ight": ("under every light",),
            "ound": ("to the city sound",),
            "ore": ("from the thirteenth floor",),
        },
    ),
    Theme(
        words=_lines("sea | ocean | wave | waves | sail | ship | river | harbour | harbor | island | pirate | shanty"),
        heads=_lines(
            "the sails are full | the water calls | we leave the land | the gulls cry out | I taste the salt | "
            "the anchor lifts | the waves run deep | we sing the old songs | the harbour fades | a cold wind blows"
        ),
        hooks=(
            ("carry me over the sea", "ee"),
            ("bring me back to shore", "ore"),
            ("roll with the rising tide", "ide"),
            ("sail away", "ay"),
        ),
        ends={
            "ide": ("on the evening tide", "where the dolphins ride"),
            "ee": ("on the rolling sea",),
            "ore": ("to the ocean floor",),
            "ay": ("across the silver bay",),
        },
    ),
    Theme(
        words=_lines("hope | rise | dream big | believe | inspiring | uplifting | victory | strong | courage | light"),
        heads=_lines(
            "we rise again | I still believe | the clouds will part | we lift our eyes | a new day comes | "
            "I hear the bells | we start to climb | the fear lets go | I find my voice | our hearts are strong"
        ),
        hooks=(
            ("we will find the light", "ight"),
            ("rise a little higher", "ire"),
            ("tomorrow is on our side", "ide"),
            ("we will find a way", "ay"),
        ),
        ends={
            "ight": ("toward the morning light", "ready for the fight"),
            "ay": ("on a brighter day",),
            "ire": ("with our hearts on fire",),
            "ee": ("as it was meant to be",),
        },
    ),
    Theme(
        words=_lines("dance | party | club | dancefloor | groove | disco | funky | move | rave | bass"),
        heads=_lines(
            "the bass comes in | we hit the floor | your body moves | the lights go low | put your hands up | "
            "the rhythm knows our names | we spin and spin | the speakers shake | I feel the drum | "
            "nobody wants to go home"
        ),
        hooks=(
            ("move with me tonight", "ight"),
            ("turn the music around", "ound"),
            ("don't let the beat slow down", "own"),
            ("take me higher", "ire"),
        ),
        ends={
            "ight": ("in the flashing light",),
            "ound": ("to the bass and sound", "with our feet off the ground"),
            "ore": ("all across the floor",),
            "own": ("till the walls come down",),
        },
    ),
    Theme(
        words=_lines(
            "loss | sad | goodbye | lonely | tears | heartbreak | heartbroken | gone | miss | melancholic | grief"
        ),
        heads=_lines(
            "I keep your letters | the house is still | you closed the door | the phone won't ring | "
            "I count the hours | your chair is empty | the cold sets in | I speak your name | "
            "the leaves come down | I let you go"
        ),
        hooks=(
            ("you were mine so long ago", "ow"),
            ("I miss you every day", "ay"),
            ("I don't hear you any more", "ore"),
            ("my world is upside down", "own"),
        ),
        ends={
            "ow": ("in the falling snow", "though I said no"),
            "ay": ("since you went away", "in shades of grey"),
            "ore": ("like I did before",),
            "own": ("while the rain comes down",),
        },
    ),
    Theme(
        words=_lines("journey | road | travel | adventure | ride | train | highway | wander | running | home"),
        heads=_lines(
            "the road goes on | I pack my bag | we cross the hills | the wheels keep turning | I leave a light on | "
            "the map is torn | we follow the sun | the stations pass | my boots are worn | I think of home"
        ),
        hooks=(
            ("I am on my way", "ay"),
            ("the road is calling me", "ee"),
            ("take me home before the light", "ight"),
            ("let it ride", "ide"),
        ),
        ends={
            "ay": ("on the long highway",),
            "ide": ("through the countryside", "on a midnight ride"),
            "ee": ("past the willow tree",),
            "own": ("toward another town",),
        },
    ),
    Theme(
        words=_lines("rain | winter | snow | autumn | storm | cold | cozy | study | november | rainy"),
        heads=_lines(
            "the rain begins | the window clouds | I pour the tea | the pages turn | the lamp burns low | "
            "the snow piles up | the clock runs slow | I draw your face | the kettle sings | the world can wait"
        ),
        hooks=(
            ("let the rain come down", "own"),
            ("stay in with me today", "ay"),
            ("the world is moving slow", "ow"),
            ("safe from the storm outside", "ide"),
        ),
        ends={
            "ow": ("in the falling snow", "with the radio low"),
            "own": ("as the drops run down",),
            "ay": ("on a rainy day", "under skies of grey"),
            "ide": ("warm and dry inside",),
        },
    ),
    Theme(
        words=_lines("dream | dreamy | sleep | space | star | sky | fly | float | cosmic | ethereal | heaven"),
        heads=_lines(
            "I close my eyes | we drift along | the colours blur | the stars lean in | I hear you breathe | "
            "the night is kind | we float above the trees | the planets turn | time falls asleep | a soft wind blows"
        ),
        hooks=(
            ("dream along with me", "ee"),
            ("float into the light", "ight"),
            ("we are weightless as we go", "ow"),
            ("meet me on the other side", "ide"),
        ),
        ends={
            "ee": ("weightless and free",),
            "ight": ("in silver light", "at the speed of light"),
            "ow": ("soft and slow",),
            "ound": ("where no walls are found",),
        },
    ),
    Theme(
        words=_lines("fight | rebel | rebellion | angry | battle | war | power | fire | fury | revolution"),
        heads=_lines(
            "we stand our ground | the walls will fall | I raise my fist | we break the chains | the drums roll in | "
            "no one will hold us | the sirens wail | I bite my tongue | we light the match | the old world burns"
        ),
        hooks=(
            ("we were born to fight", "ight"),
            ("we set the world on fire", "ire"),
            ("burn it to the ground", "ound"),
            ("we won't take it any more", "ore"),
        ),
        ends={
            "ight": ("ready for the fight", "black against the white"),
            "ire": ("in the line of fire", "through the tangled wire"),
            "ound": ("to a marching sound",),
            "ore": ("shouting out for more",),
        },
    ),
    Theme(
        words=_lines(
            "nature | forest | mountain | mountains | earth | garden | spring | farm | campfire | wild | bird"
        ),
        heads=_lines(
            "the pines lean in | the river sings | we light a fire | the birds return | the fields are wide | "
            "a lone owl calls | the valley wakes | we plant a seed | the wind knows every leaf | the mountains wait"
        ),
        hooks=(
            ("come and run with me", "ee"),
            ("the mountains know the way", "ay"),
            ("sing by the open fire", "ire"),
            ("the river will always flow", "ow"),
        ),
        ends={
            "ee": ("by the old oak tree",),
            "ow": ("where the wild herbs grow", "where the rivers flow"),
            "ire": ("by the village choir",),
            "ound": ("on the frozen ground",),
        },
    ),
)
