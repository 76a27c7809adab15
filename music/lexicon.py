"""What words mean to music: genres, moods, paces, energies, and (from `lexicon_sounds`) what plays.

Every phrase has one meaning, which may touch several things at once: `orchestral` is a genre and names instruments.
Phrases are written as `normalise` leaves a prompt: lower case, no hyphens, `and` for `&`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.lexicon_sounds import DRUMS, SOUNDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """None and empty where the phrase says nothing."""

    genre: str = ""
    #: How sure the genre is, 0 to 1.
    weight: float = 0.0
    mood: str = ""
    mode: str = ""
    energy: float | None = None
    #: Where it lies between a genre's slow (0) and fast (1) tempo; beyond either end is allowed.
    pace: float | None = None
    meter: int | None = None
    swing: float | None = None
    #: Those that the phrase may mean, or all together.
    instruments: tuple[str, ...] = ()
    together: bool = False
    stand_in: bool = False
    stems: tuple[str, ...] = ()
    #: Silenced where the phrase is denied, and where it is said.
    silences: tuple[str, ...] = ()
    denied_stems: tuple[str, ...] = ()
    loop: bool = False

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """For each player that the phrase asks for, the instruments to choose from."""
        if self.together:
            return tuple((name,) for name in self.instruments)
        return (self.instruments,) if self.instruments else ()

    @property
    def sounds(self) -> bool:
        return bool(self.instruments or self.stems)


#: Nouns: whoever says one of these means the genre.
GENRE_NOUNS = {
    "lo-fi": "lofi|lo fi|low fi|lofi hip hop|lo fi hip hop|lofi beats|lo fi beats|lofi jazz|lo fi jazz|chillhop|"
    "chill hop|jazzhop|jazz hop|study beats|chill beats|trip hop|downtempo beats",
    "boom bap": "boom bap|boombap|hip hop|hiphop|rap|rap beat|old school hip hop|90s hip hop|golden era hip hop|g funk|"
    "east coast rap|west coast rap|rnb|r and b|neo soul",
    "trap": "trap|trap beat|drill|uk drill|phonk|cloud rap|southern rap|crunk|trap soul|dubstep|future bass|hyperpop",
    "house": "house|house music|deep house|tech house|progressive house|future house|french house|electro house|"
    "big room|afro house|tropical house|disco|nu disco|garage|uk garage|edm|eurodance|amapiano|dance music|"
    "electronic dance music|acid house|lofi house|lo fi house",
    "techno": "techno|trance|psytrance|minimal techno|acid techno|hard techno|detroit techno|hardstyle|gabber|ebm|"
    "industrial techno|melodic techno|goa|rave|dub techno",
    "drum and bass": "drum and bass|drum n bass|drums and bass music|dnb|d and b|d n b|jungle|liquid dnb|"
    "liquid drum and bass|neurofunk|breakcore|breakbeat|jump up|halftime dnb",
    "synthwave": "synthwave|synth wave|retrowave|retro wave|outrun|vaporwave|chillwave|darksynth|darkwave|"
    "italo disco|synthpop|synth pop|new wave|chiptune|8 bit|eight bit|80s synth",
    "pop": "pop|pop song|k pop|kpop|j pop|jpop|indie pop|dance pop|latin pop|electropop|electro pop|bedroom pop|"
    "teen pop|britpop|bubblegum|top 40|pop ballad|dream pop|europop|reggaeton",
    "rock": "rock|rock song|punk|pop punk|punk rock|metal|heavy metal|hard rock|grunge|indie rock|alternative rock|"
    "alt rock|garage rock|post rock|prog rock|progressive rock|psychedelic rock|surf rock|classic rock|rock and roll|"
    "rock n roll|rockabilly|emo|shoegaze|arena rock|stadium rock|blues rock|metalcore|pop rock|soft rock|folk metal",
    "funk": "funk|p funk|funk soul|soul|soul music|motown|afrobeat|afrobeats|boogie|jazz funk|rare groove",
    "reggae": "reggae|dub|dub reggae|ska|dancehall|rocksteady|roots reggae|calypso|soca|lovers rock",
    "jazz": "jazz|bebop|be bop|swing music|big band|smooth jazz|cool jazz|latin jazz|dixieland|ragtime|jazz fusion|"
    "gypsy jazz|vocal jazz|hard bop|bossa nova|bossa|samba|blues|lounge music|acid jazz|jazz trio|jazz quartet",
    "folk": "folk|folk song|folk music|country|country music|bluegrass|americana|celtic|irish folk|sea shanty|shanty|"
    "indie folk|folk rock|folk pop|singer songwriter|country rock|polka|flamenco|klezmer",
    "classical": "classical|classical music|baroque|chamber music|chamber|sonata|minuet|string quartet|concerto|fugue|"
    "nocturne|etude|prelude|opera|aria|renaissance|impressionist|neoclassical|romantic era|piano sonata|mozart|bach|"
    "beethoven|chopin|vivaldi|debussy|scherzo|rondo|solo piano|piano solo",
    "cinematic": "cinematic|film score|movie score|film music|movie soundtrack|film soundtrack|soundtrack|orchestral|"
    "trailer|trailer music|epic trailer|score|symphonic|symphony|fanfare|hollywood|epic orchestral|game soundtrack",
    "ambient": "ambient|ambient music|dark ambient|drone|drones|soundscape|new age|space music|sleep music|"
    "meditation music|ambient drone|space ambient|generative ambient",
}
#: Adjectives colour another genre and name one only where none is named.
GENRE_TINTS = {
    "lo-fi": "jazzy beats|dusty",
    "trap": "trappy",
    "house": "dance|danceable|clubby|club|electronic|electronica|disco flavoured|dancefloor",
    "techno": "industrial|acid|hypnotic|ravey|minimal electronic",
    "synthwave": "80s|eighties|1980s|retro|cyberpunk|synthetic",
    "pop": "poppy|catchy|radio|radio friendly|indie|commercial|ballad|singalong|gospel",
    "rock": "rocky|alternative|psychedelic|grungy|punky|rocking",
    "funk": "funky|groovy|soulful|70s|seventies",
    "reggae": "tropical|caribbean|island|jamaican|dubby",
    "jazz": "jazzy|bluesy|swinging|swing|lounge|noir|smoky",
    "folk": "folky|acoustic|rustic|pastoral|medieval|irish|scottish|western|unplugged",
    "classical": "classic|waltz|elegant|piano piece|regal",
    "cinematic": "epic|heroic|orchestra|film|movie|fantasy|adventure|suspenseful|majestic|grand|viking",
    "ambient": "atmospheric|ethereal|meditative|spacious|floating|ambience|weightless",
}
#: Places and pursuits that people have music for.
GENRE_SCENES = {
    "lo-fi": "study|studying|homework|coffee shop|cafe|cozy|cosy|rainy day|rainy night|rainy|bedroom|reading|coding",
    "house": "party|club night|nightclub|dance floor|fashion|poolside|festival",
    "techno": "warehouse|workout|gym|factory|robot|machine|running",
    "drum and bass": "racing|chase|skateboard|parkour",
    "synthwave": "neon|arcade|night drive|driving at night|video game|videogame|miami|sci fi|hacker",
    "pop": "commercial jingle|jingle|advert|wedding|birthday|christmas|holiday|children",
    "rock": "stadium|motorcycle|rebellion|garage band",
    "funk": "street party|roller skate|barbecue",
    "reggae": "beach|palm tree|sunshine island|hammock",
    "jazz": "speakeasy|cocktail|dinner|restaurant|new orleans|detective",
    "folk": "campfire|farm|meadow|mountain cabin|road trip|travelling|harvest|tavern|pirate",
    "classical": "ballroom|palace|museum|ballet",
    "cinematic": "battle|war|quest|documentary|hero|dragon|kingdom|horror|mystery|space battle|thriller",
    "ambient": "sleep|sleeping|meditation|yoga|spa|relaxation|"
    "deep focus|background|healing|lullaby|underwater|outer space|nature|forest",
}
#: What one player alone leaves out.
ALONE = (*DRUMS, "bass", "pad", "fx")
NOUN, TINT, SCENE = 0.95, 0.6, 0.4

#: Mode, energy, words: what a mood suggests. An empty mode suggests none.
MOODS = (
    ("minor", 0.3, "sad|sorrowful|mournful|tearful|heartbroken|grieving|lonely|gloomy|bleak|somber|sombre|depressing"),
    ("minor", 0.35, "melancholic|melancholy|wistful|bittersweet|longing|pensive|reflective|introspective|moody|blue"),
    ("minor", 0.4, "nostalgic|haunting|eerie|spooky|creepy"),
    ("minor", 0.45, "mysterious|brooding|enigmatic|mystical"),
    ("minor", 0.55, "dark|ominous|sinister|menacing|cold|dystopian|gritty|dramatic"),
    ("minor", 0.65, "tense|suspense|urgent|anxious|uneasy|scary|sexy"),
    ("minor", 0.88, "angry|aggressive|furious|violent|brutal|fierce"),
    ("", 0.25, "calm|serene|tranquil|soothing|sleepy"),
    ("major", 0.25, "peaceful|tender|delicate|innocent"),
    ("", 0.3, "relaxing|relaxed|gentle|mellow|intimate"),
    ("", 0.35, "chill|chilled|chilly|laid back|easygoing|smooth|contemplative|focused"),
    ("major", 0.35, "dreamy|soft hearted|sentimental"),
    ("major", 0.4, "warm|romantic|loving|comforting|sweet"),
    ("major", 0.55, "hopeful|optimistic|inspiring|inspirational|touching|carefree"),
    ("major", 0.65, "bright|playful|quirky|whimsical|funny|sunny|cheeky|lighthearted|light hearted|summery"),
    ("major", 0.72, "happy|cheerful|joyful|joyous|fun|feel good|positive|merry|upbeat mood"),
    ("major", 0.78, "uplifting|euphoric|motivational|anthemic|celebratory|proud"),
    ("major", 0.86, "triumphant|victorious|glorious|ecstatic"),
    ("", 0.72, "confident|cool|sassy|swagger|bouncy|rebellious"),
    ("", 0.86, "energetic|powerful|high energy|exciting|thrilling|pumping|hyped|hype|punchy"),
    ("", 0.92, "intense|explosive|frantic|frenetic|chaotic|wild|hard hitting|relentless"),
)
#: Energy without a mood.
ENERGIES = (
    (0.12, "very quiet|barely there|whispered"),
    (0.22, "quiet|soft|softly|low energy|sparse|subtle|understated"),
    (0.3, "minimal|minimalist|minimalistic|stripped back|stripped down"),
    (0.75, "big|dynamic|lively|heavy|strong"),
    (0.85, "loud|hard|huge|massive|anthem|banger|banging|full on"),
)
PACES = (
    (-0.5, "largo|grave"),
    (-0.3, "lento|adagio|slow motion|crawling|glacial"),
    (-0.15, "slow|slowly|slower|slow tempo|slow paced|unhurried|lullaby tempo"),
    (-0.05, "downtempo|down tempo|low tempo"),
    (0.1, "leisurely|slow burning|easy tempo"),
    (0.25, "andante|walking pace"),
    (0.5, "moderate|moderato|mid tempo|midtempo|medium tempo|steady"),
    (0.8, "allegretto|brisk"),
    (0.9, "upbeat|up beat"),
    (1.0, "driving|uptempo|up tempo|allegro|high tempo"),
    (1.1, "quick|quickly|vivace|rapid"),
    (1.2, "fast|faster|fast paced|speedy|fast tempo"),
    (1.5, "presto|breakneck|blistering|furiously fast"),
)
#: Words whose meaning is more than one thing.
OTHERS = {
    "laid back": Meaning(mood="laid back", energy=0.35, pace=0.15),
    "relaxed": Meaning(mood="relaxed", energy=0.3, pace=0.15),
    "lively": Meaning(energy=0.75, pace=0.95),
    "waltz": Meaning(genre="classical", weight=TINT, meter=3),
    "minuet": Meaning(genre="classical", weight=NOUN, meter=3),
    "jig": Meaning(genre="folk", weight=TINT, meter=6, pace=0.9),
    "tarantella": Meaning(genre="folk", weight=TINT, meter=6, pace=1.1),
    "polka": Meaning(genre="folk", weight=NOUN, meter=2, pace=0.9),
    "march": Meaning(meter=2, energy=0.7),
    "lullaby": Meaning(genre="ambient", weight=SCENE, pace=-0.1, energy=0.2),
    "ballad": Meaning(genre="pop", weight=TINT, pace=-0.1, energy=0.4),
    "pop ballad": Meaning(genre="pop", weight=NOUN, pace=-0.1, energy=0.4),
    "power ballad": Meaning(genre="rock", weight=TINT, pace=-0.1, energy=0.6),
    "rock ballad": Meaning(genre="rock", weight=NOUN, pace=-0.1, energy=0.5),
    "orchestral": Meaning(genre="cinematic", weight=NOUN, instruments=("strings", "brass"), together=True),
    "orchestra": Meaning(genre="cinematic", weight=TINT, instruments=("strings", "brass"), together=True),
    "string quartet": Meaning(genre="classical", weight=NOUN, instruments=("violin", "strings"), together=True),
    "solo piano": Meaning(genre="classical", weight=TINT, instruments=("piano",), denied_stems=ALONE),
    "piano solo": Meaning(genre="classical", weight=TINT, instruments=("piano",), denied_stems=ALONE),
    "solo guitar": Meaning(instruments=("nylon_guitar",), denied_stems=ALONE),
    "bossa nova": Meaning(genre="jazz", weight=NOUN, swing=0.5, instruments=("nylon_guitar",)),
    "bossa": Meaning(genre="jazz", weight=NOUN, swing=0.5, instruments=("nylon_guitar",)),
    "swing": Meaning(genre="jazz", weight=TINT, swing=0.66),
    "swinging": Meaning(genre="jazz", weight=TINT, swing=0.66),
    "swing feel": Meaning(swing=0.64),
    "swung": Meaning(swing=0.62),
    "shuffle": Meaning(swing=0.66),
    "shuffled": Meaning(swing=0.62),
    "triplet feel": Meaning(swing=0.667),
    "straight": Meaning(swing=0.5),
    "straight eighths": Meaning(swing=0.5),
    "acid": Meaning(genre="techno", weight=TINT, instruments=("acid_bass",)),
    "acoustic": Meaning(genre="folk", weight=TINT, instruments=("steel_guitar",)),
    "party": Meaning(genre="house", weight=SCENE, energy=0.8),
    "workout": Meaning(genre="techno", weight=SCENE, energy=0.85),
    "sleep": Meaning(genre="ambient", weight=SCENE, energy=0.12),
    "battle": Meaning(genre="cinematic", weight=SCENE, energy=0.85, mode="minor"),
    "epic": Meaning(genre="cinematic", weight=TINT, mood="epic", energy=0.8),
    "horror": Meaning(genre="cinematic", weight=SCENE, mood="horror", mode="minor"),
    "christmas": Meaning(genre="pop", weight=SCENE, instruments=("bell",), mode="major"),
    "instrumental": Meaning(denied_stems=("voice",)),
    "instrumentals": Meaning(denied_stems=("voice",)),
    "karaoke": Meaning(denied_stems=("voice",)),
    "wordless": Meaning(stems=("voice",)),
    "drumless": Meaning(denied_stems=DRUMS),
    "beatless": Meaning(denied_stems=DRUMS),
    "vocalless": Meaning(denied_stems=("voice",)),
    "acapella": Meaning(stems=("voice",), denied_stems=(*DRUMS, "bass", "chords", "fx")),
    "a cappella": Meaning(stems=("voice",), denied_stems=(*DRUMS, "bass", "chords", "fx")),
    "major": Meaning(mode="major"),
    "minor": Meaning(mode="minor"),
    "loop": Meaning(loop=True),
    "loopable": Meaning(loop=True),
    "looping": Meaning(loop=True),
    "seamless loop": Meaning(loop=True),
}


#: Stems that are asked for with any of their instruments: genres may have none of them.
OWN_STEMS = ("drums", "percussion", "voice", "fx")


def normalise(text: str) -> str:
    """As the phrases are written."""
    plain = text.lower().replace("&", " and ")
    return re.sub(r"[-‐–—_'’`/\s]+", " ", plain)


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word}s"


def _entries() -> Iterator[tuple[str, Meaning]]:
    """Later ones replace earlier ones."""
    for weight, table in ((SCENE, GENRE_SCENES), (TINT, GENRE_TINTS), (NOUN, GENRE_NOUNS)):
        for genre, words in table.items():
            for word in words.split("|"):
                yield word, Meaning(genre=genre, weight=weight)
    for mode, energy, words in MOODS:
        for word in words.split("|"):
            yield word, Meaning(mood=word, mode=mode, energy=energy)
    for energy, words in ENERGIES:
        for word in words.split("|"):
            yield word, Meaning(energy=energy)
    for pace, words in PACES:
        for word in words.split("|"):
            yield word, Meaning(pace=pace)
    for name, instrument in INSTRUMENTS.items():
        stems = (instrument.stem,) if instrument.stem in OWN_STEMS else ()
        yield normalise(name), Meaning(instruments=(name,), stems=stems)
    for sound in SOUNDS:
        meaning = Meaning(
            genre=sound.genre,
            weight=sound.weight,
            instruments=sound.instruments,
            stand_in=sound.stand_in,
            stems=sound.stems,
            silences=sound.silences,
        )
        for word in sound.words.split("|"):
            yield word, meaning
            yield _plural(word), meaning
    yield from OTHERS.items()


PHRASES = {**dict(_entries()), **{normalise(genre): Meaning(genre=genre, weight=NOUN) for genre in GENRES}}
#: Finds the longest phrase at each place; what it has taken, no other phrase can have.
PHRASE = re.compile(
    r"(?<!\w)(?:" + "|".join(sorted(map(re.escape, PHRASES), key=lambda word: (-len(word), word))) + r")(?!\w)"
)
