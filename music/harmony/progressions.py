"""The progressions of each genre, as numerals: a bar each, `:` between two chords of a bar, `%` for the same again.

Every table says what a verse, a prechorus, a chorus and a bridge may stand on; the plainest choice comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

#: By kind of section.
Phrases = Mapping[str, tuple[str, ...]]

POP_MAJOR: Phrases = {
    "verse": ("I vi IV V", "I IV vi V", "I iii IV iv", "vi IV I V", "I V/vi vi IV", "Iadd9 % IV %"),
    "prechorus": ("ii IV vi V", "IV V vi V", "ii iii IV Vsus4:V", "IV iv I V"),
    "chorus": ("I V vi IV", "IV I V vi", "IV V iii vi", "I iii vi IV", "vi IV I V", "I V/vi vi IV:iv"),
    "bridge": ("vi iii IV V", "ii vi IV V", "IV iv iii V7/ii ii bVII IV V", "bVI bVII I %"),
}
POP_MINOR: Phrases = {
    "verse": ("i VI III VII", "i iv VI VII", "i VII VI VII", "i III VII iv", "i v VI iv"),
    "prechorus": ("iv v VI VII", "iv VI VII V", "VI VII v V"),
    "chorus": ("VI VII i III", "VI III VII i", "i III VI VII", "iv VII III VI", "VI iv i VII"),
    "bridge": ("iv v VI V", "VI iv i V", "III VII iv VI", "bII VI iv V"),
}
ROCK_MINOR: Phrases = {
    "verse": ("i % VI VII", "i VII IV i", "i i III VII", "i VI VII i", "i bII i VII"),
    "prechorus": ("iv % VI VII", "VI VII iv V", "iv v VI V"),
    "chorus": ("i VI III VII", "VI VII i %", "III VII i VI", "i III VII iv", "VI III VII i"),
    "bridge": ("iv VI i V", "VI % VII %", "bII % i V", "iv % i %"),
}
ROCK_MAJOR: Phrases = {
    "verse": ("I % IV I", "I bVII IV I", "I IV V IV", "I V IV IV"),
    "prechorus": ("IV V vi V", "ii IV V %", "vi V IV V"),
    "chorus": ("I V vi IV", "I IV vi V", "IV I V vi", "I bIII IV I", "I V IV V"),
    "bridge": ("vi V IV V", "bVI bVII I %", "ii IV vi V", "vi iii IV V/V:V"),
}
SOUL_MINOR: Phrases = {
    "verse": ("i iv i v", "i VI iv v", "iv v i i", "VI v i i", "iiø7 V7 i VI", "i9 % VI V7#9"),
    "prechorus": ("iv v VI VII", "iv % iiø7 V7", "VI VII iv V7"),
    "chorus": ("iv VII III VI", "VI V7 i VII", "VI VII v i", "iv VII i VI", "VI v iv i", "iv v VI V7#9"),
    "bridge": ("VI V7 i V7/iv", "iv VII III V7", "iiø7 V7 i:VII VI", "bII % iv V7"),
}
SOUL_MAJOR: Phrases = {
    "verse": ("Imaj7 IV Imaj7 IV", "ii V I vi", "I iii IV iv", "IV iii ii I", "Imaj9 V7/ii ii iv"),
    "prechorus": ("ii iii IV V", "IV V iii vi", "ii % V7sus4 V7"),
    "chorus": ("IV V iii vi", "ii V I V7/ii", "IV iii vi I7", "IV V7/vi vi I7", "IV iv iii V7/ii"),
    "bridge": ("vi V7/V ii V7", "iv bVII7 I V7/ii", "IV iv I V7/ii", "iii vi ii V7"),
}
LOFI_MINOR: Phrases = {
    "verse": ("i9 iv9 VII III", "iv VII III VI", "VI v i %", "i VI iiø7 V7", "i9 v iv9 %", "VImaj7 V7 i9 V7/iv"),
    "prechorus": ("iv v VI VII", "VI VII i V7"),
    "chorus": ("VI VII v i", "iv VII III VI", "iiø7 V7 i VI", "VI v iv i", "iv9 VII IIImaj7 V7/iv"),
    "bridge": ("III VI iiø7 V7", "bIImaj7 % i9 %", "iv VII VI V7", "VI IV i %"),
}
LOFI_MAJOR: Phrases = {
    "verse": ("Imaj9 vi9 ii9 V9", "ii9 V9 Imaj9 vi", "IV iii ii I", "Imaj9 iii IV iv", "IV V7/vi vi I7"),
    "prechorus": ("ii iii IV V", "IV V vi V7"),
    "chorus": ("IV V iii vi", "ii9 V9 Imaj9 V7/ii", "IV iv iii V7/ii", "IV iii ii Imaj9"),
    "bridge": ("iii V7/ii ii V7", "vi V7/V ii V", "IV iv I V7/ii", "bVImaj7 % Imaj9 %"),
}
TRAP_MINOR: Phrases = {
    "verse": ("i % VI %", "i VI i V", "i iv i V", "i % bII i", "i % iv V"),
    "prechorus": ("VI % V %", "iv % V %"),
    "chorus": ("i VI iv V", "VI % i V", "i % VI V", "VI VII i i", "i iv VI V"),
    "bridge": ("iv % VI V", "VI % bII V", "iv VI i V"),
}
TRAP_MAJOR: Phrases = {
    "verse": ("I % vi %", "vi % IV %", "I iii vi IV"),
    "prechorus": ("ii % V %", "IV % V %"),
    "chorus": ("vi IV I V", "IV % I V", "I iii IV iv"),
    "bridge": ("ii % IV V", "vi iii IV iv"),
}
HOUSE_MINOR: Phrases = {
    "verse": ("i7 % VI %", "i7 % iv %", "i VI i VII", "iv v i i", "i9 iv9 i9 v"),
    "prechorus": ("iv v VI VII", "VI % VII %", "VI VII iv V7"),
    "chorus": ("VI VII i v", "i VI iv v", "iv v VI i", "VI v iv i", "i III VI VII"),
    "bridge": ("iv % VI VII", "VI VII v i", "III VII iv V7", "bII % i %"),
}
HOUSE_MAJOR: Phrases = {
    "verse": ("I % IV %", "vi IV I V", "I vi I IV", "ii V I I"),
    "prechorus": ("ii iii IV V", "IV % V %"),
    "chorus": ("IV V iii vi", "vi IV I V", "IV I V vi", "I iii IV iv"),
    "bridge": ("ii iii IV V", "vi V IV iv", "bVI bVII I %"),
}
TECHNO_MINOR: Phrases = {
    "verse": ("i % % %", "i % % % VI % % %", "i % % bII", "i % % % i % v %"),
    "prechorus": ("VI % % VII", "iv % % %"),
    "chorus": ("i % % % VI % VII %", "i % VI %", "i % % % iv % % %", "i % III % VI % i %"),
    "bridge": ("VI % % % iv % % %", "iv % VI %", "bII % i %"),
}
TECHNO_MAJOR: Phrases = {
    "verse": ("I % % %", "I % % % vi % % %", "I % % bVII"),
    "prechorus": ("IV % % V", "vi % % %"),
    "chorus": ("I % % % IV % V %", "I % vi %", "I % IV %"),
    "bridge": ("vi % % % IV % % %", "ii % IV %"),
}
DNB_MINOR: Phrases = {
    "verse": ("i % VI %", "i9 % iv9 %", "i % VII VI i % VI VII", "VI % i %"),
    "prechorus": ("iv % VI VII", "VI % VII %"),
    "chorus": ("i VI III VII", "VI % VII % i % III %", "VI VII i v", "iv % VI % i % VII %", "i % III % iv % VI %"),
    "bridge": ("iv % VI V7", "VI % iv %", "III % VII % iv % V7 %"),
}
DNB_MAJOR: Phrases = {
    "verse": ("I % vi %", "IV % I %", "ii % IV %"),
    "prechorus": ("ii % IV V", "IV % V %"),
    "chorus": ("IV V vi I", "I % iii % IV % iv %", "vi IV I V"),
    "bridge": ("ii % vi %", "vi % IV V"),
}
SYNTHWAVE_MINOR: Phrases = {
    "verse": ("i % VI VII", "i VI III VII", "i III VII VI", "i % VI % iv % VII %", "i v VI VII"),
    "prechorus": ("iv VI VII %", "VI VII v V", "iv % V %"),
    "chorus": ("VI VII i III", "i VI III VII", "VI VII i i", "iv VI i VII", "III VII iv VI"),
    "bridge": ("iv v VI V", "VI % iv V", "bII VI i VII"),
}
SYNTHWAVE_MAJOR: Phrases = {
    "verse": ("I % vi IV", "I V ii IV", "vi IV I V"),
    "prechorus": ("ii IV V %", "IV V vi V"),
    "chorus": ("IV V vi I", "I V vi IV", "IV I V vi", "IV V iii vi"),
    "bridge": ("vi iii IV V", "ii IV bVI bVII"),
}
FUNK_MINOR: Phrases = {
    "verse": ("i9 % % %", "i9 % % i9:VII", "i7 % iv7 i7", "i9 % i9 v:VI"),
    "prechorus": ("iv % VI V7#9", "VI VII v V7"),
    "chorus": ("iv % i %", "VI VII i i:v", "iv VII i %", "i III iv V7#9"),
    "bridge": ("VI % v V7", "iv IV i %", "III VI iiø7 V7", "IV9 % i %"),
}
FUNK_MAJOR: Phrases = {
    "verse": ("I % % %", "I % ii I", "I IV I I:V"),
    "prechorus": ("ii iii IV V", "IV % V %"),
    "chorus": ("IV V I %", "ii V I vi", "IV iii ii I", "I bVII IV I"),
    "bridge": ("vi V/V ii V", "iii vi ii V", "bVI bVII I %"),
}
REGGAE_MAJOR: Phrases = {
    "verse": ("I IV I V", "I ii I ii", "I vi ii V", "I V IV V", "I IV I I"),
    "prechorus": ("IV V iii vi", "ii % IV V"),
    "chorus": ("I V vi IV", "I IV V IV", "IV I V I", "I iii IV V"),
    "bridge": ("vi V vi V", "vi iii IV V", "IV iii ii V"),
}
REGGAE_MINOR: Phrases = {
    "verse": ("i VII i VII", "i iv i v", "i % VI VII", "i VII VI VII"),
    "prechorus": ("VI VII iv V", "iv % v %"),
    "chorus": ("VI VII i i", "i iv VII i", "i v VI iv", "i III VII iv"),
    "bridge": ("iv i iv V", "VI III iv V", "iv v VI V"),
}
JAZZ_MAJOR: Phrases = {
    "verse": (
        "ii7 V7 Imaj7 vi7",
        "Imaj7:vi7 ii7:V7 iii7:V7/ii ii7:V7",
        "Imaj9 % iv7 bVII7 Imaj7 V7/ii ii7 V7",
        "Imaj7 V7/vi:V7/ii ii7 V7",
        "Imaj7 IVmaj7 iii7:V7/ii ii7:V7",
    ),
    "prechorus": ("ii7 V7 iii7 V7/ii ii7 V7/V ii7 V7", "IVmaj7 iii7 ii7 V7"),
    "chorus": (
        "IVmaj7 V7 iii7 vi7",
        "IVmaj7 iv7:bVII7 iii7:V7/ii ii7:V7",
        "ii9 V9 Imaj9 V7/ii",
        "Imaj7 V7/ii ii7 V7 iii7 V7/ii ii7 V7",
        "IVmaj7 iv7 Imaj7 V7/ii ii7 V7/V ii7 V7",
    ),
    "bridge": (
        "vi7 ii7 V7 Imaj7",
        "V7/vi % V7/ii % V7/V % V7 %",
        "v7 V7/IV IVmaj7 % iv7 bVII7 ii7 V7",
        "iv7 bVII7 Imaj7 V7/ii ii7 V7/V ii7 V7",
    ),
}
JAZZ_MINOR: Phrases = {
    "verse": (
        "i7 iv7 iiø7 V7",
        "i7 iiø7:V7 i7 iiø7:V7",
        "i9 % iv9 % i9 VImaj7 iiø7 V7b9",
        "iv7 VII7 IIImaj7 VImaj7 iiø7 V7 i7 %",
    ),
    "prechorus": ("iv7 VII7 IIImaj7 VI7 iiø7 % V7b9 %", "iv7 VII7 IIImaj7 V7"),
    "chorus": (
        "iv7 VII7 IIImaj7 VImaj7",
        "iiø7 V7 i7 VI7",
        "VI7 V7 i7 i7:V7/iv",
        "iv7 VII7 IIImaj7 VImaj7 iiø7 V7b9 i7 i7",
    ),
    "bridge": (
        "iiø7 V7b9 i7 i7 iv7 VII7 IIImaj7 V7",
        "V7/iv % iv7 % V7/VII % VII7 V7",
        "VImaj7 iiø7 V7b9 i7",
    ),
}
FOLK_MAJOR: Phrases = {
    "verse": ("I IV I V", "I V vi IV", "I % IV I I vi ii V", "I vi IV V", "I iii IV I"),
    "prechorus": ("IV I ii V", "vi V IV V"),
    "chorus": ("IV V I vi", "IV I V I", "IV I V vi", "I V IV I", "vi IV I V"),
    "bridge": ("vi iii IV V", "ii vi V/V V", "vi V IV I", "IV iv I V"),
}
FOLK_MINOR: Phrases = {
    "verse": ("i VII VI VII", "i III VII i", "i VII i v", "i VI III VII", "i IV i VII"),
    "prechorus": ("VI VII III V", "iv i VI VII"),
    "chorus": ("III VII i VI", "VI III VII i", "VI VII i i", "i III VII V"),
    "bridge": ("VI III iv V", "iv i V i", "III VII VI V"),
}
CLASSICAL_MAJOR: Phrases = {
    "verse": (
        "I V7 I V I IV I:V7 I",
        "I V vi iii IV I IV V",
        "I ii V I vi ii I:V7 I",
        "I I:V7/V V % I IV I:V7 I",
        "I IV@1 V7 I vi V/V ii:V7 I",
    ),
    "prechorus": ("ii V7 iii vi ii V/V V V7", "IV V7/ii ii V7"),
    "chorus": (
        "I IV V7 I vi ii V7 I",
        "I vi IV V I ii I:V7 I",
        "IV I ii vi IV I V/V V7",
        "I V7/vi vi V7/IV IV iv I:V7 I",
    ),
    "bridge": ("I IV vii° iii vi ii V7 I", "V7/vi vi V7/IV IV V7/V V V7 %", "vi ii V/V V vi V7/ii ii V7"),
}
CLASSICAL_MINOR: Phrases = {
    "verse": (
        "i V7 i V i iv i:V7 i",
        "i iv VII III VI iiø7 V7 i",
        "i v VI III iv i iiø7 V7",
        "i VI iv V i VI iv:V7 i",
    ),
    "prechorus": ("iv V7 VI iv iiø7 % V V7", "iv VII III V7"),
    "chorus": ("i VI III VII i iv V7 i", "VI III iv i VI iiø7 V7 i", "III VII i V7 VI bII V7 i"),
    "bridge": ("i iv VII III VI iiø7 V7 %", "III V7/III III V7/iv iv #vii°7 V7 %", "VI III iv i bII % V7 %"),
}
CINEMATIC_MINOR: Phrases = {
    "verse": ("i % VI %", "i VI iv V", "i % v % VI % iv %", "i III VII iv", "i iv@1 i VI"),
    "prechorus": ("iv % VI V", "VI VII iv V"),
    "chorus": ("i VI III VII", "VI VII i i", "i v VI iv", "VI III VII i", "i VI bII V"),
    "bridge": ("iv i VI V", "VI IV i %", "bII % iv V", "III VII iv V"),
}
CINEMATIC_MAJOR: Phrases = {
    "verse": ("I % IV %", "I iii IV I", "I V vi IV", "I IV@1 I bVII"),
    "prechorus": ("ii IV V %", "vi IV ii V"),
    "chorus": ("I V vi IV", "IV I V vi", "I bVI bVII I", "I iii IV iv"),
    "bridge": ("vi iii IV V", "bVI % bVII %", "ii vi IV V"),
}
AMBIENT_MAJOR: Phrases = {
    "verse": ("Imaj9 % IV@1 %", "Imaj9 % % % IV@1 % % %", "I % vi9 % IV % I %", "Iadd9 % iii % IV % Iadd9 %"),
    "prechorus": ("ii % IV %", "IV@1 % V@1 %"),
    "chorus": ("IV % I % vi % V@1 %", "vi9 % IV % I % iii %", "Imaj9 % bVII@1 % IV@1 % I %"),
    "bridge": ("vi9 % iii %", "ii9 % IV %", "IV % iv@1 % Imaj9 % % %"),
}
AMBIENT_MINOR: Phrases = {
    "verse": ("i9 % VI@1 %", "i9 % % % iv@1 % % %", "i % III % VI % i %", "iadd9 % v % VI % iv %"),
    "prechorus": ("iv % VI %", "VI@1 % VII@1 %"),
    "chorus": ("VI % III % VII % i %", "iv9 % VI % i9 % III %", "VI % VII@1 % i9 % % %"),
    "bridge": ("iv9 % VI %", "III % VI %", "bIImaj7@1 % i9 %"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """How a genre treats its chords."""

    major: Phrases
    minor: Phrases
    #: The chance that an unqualified chord is stacked up to its ninth.
    ninths: float = 0.0
    #: The chance that half a bar leads into the next chord with that chord's dominant, or with a borrowed one.
    chromatic: float = 0.0
    #: What comes before the last chord.
    cadence: str = "V"
    #: Sections end on what pulls to the next; otherwise the phrase just goes round.
    functional: bool = True


HABITS = {
    "lo-fi": Habits(major=LOFI_MAJOR, minor=LOFI_MINOR, ninths=0.45, chromatic=0.15),
    "boom bap": Habits(major=SOUL_MAJOR, minor=SOUL_MINOR, ninths=0.25, chromatic=0.1, functional=False),
    "trap": Habits(major=TRAP_MAJOR, minor=TRAP_MINOR, functional=False),
    "house": Habits(major=HOUSE_MAJOR, minor=HOUSE_MINOR, ninths=0.35, functional=False),
    "techno": Habits(major=TECHNO_MAJOR, minor=TECHNO_MINOR, cadence="", functional=False),
    "drum and bass": Habits(major=DNB_MAJOR, minor=DNB_MINOR, ninths=0.4, functional=False),
    "synthwave": Habits(major=SYNTHWAVE_MAJOR, minor=SYNTHWAVE_MINOR, chromatic=0.05),
    "pop": Habits(major=POP_MAJOR, minor=POP_MINOR, chromatic=0.15),
    "rock": Habits(major=ROCK_MAJOR, minor=ROCK_MINOR),
    "funk": Habits(major=FUNK_MAJOR, minor=FUNK_MINOR, ninths=0.4, chromatic=0.1),
    "reggae": Habits(major=REGGAE_MAJOR, minor=REGGAE_MINOR, chromatic=0.05, cadence="V7"),
    "jazz": Habits(major=JAZZ_MAJOR, minor=JAZZ_MINOR, ninths=0.4, chromatic=0.25),
    "folk": Habits(major=FOLK_MAJOR, minor=FOLK_MINOR, chromatic=0.1, cadence="V7"),
    "classical": Habits(major=CLASSICAL_MAJOR, minor=CLASSICAL_MINOR, chromatic=0.1, cadence="V7"),
    "cinematic": Habits(major=CINEMATIC_MAJOR, minor=CINEMATIC_MINOR, chromatic=0.05),
    "ambient": Habits(major=AMBIENT_MAJOR, minor=AMBIENT_MINOR, ninths=0.6, cadence="IV", functional=False),
}
