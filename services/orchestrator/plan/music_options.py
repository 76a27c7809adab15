"""What a request for music may ask for besides its words: checked for type and range at the door. What the values mean
is the models' to say; they answer with what they made of each."""

import jsonschema_rs

from services.orchestrator.plan.kinds import check_schema
from tutti import errors
from tutti.handlers import JsonObject

LARGEST_SEED = 2**64 - 1
#: The groups in which a track is rendered, each by a task of its own.
STEMS = ("drums", "percussion", "bass", "chords", "lead", "pad", "voice", "fx")
FORMATS = ("mp3", "ogg", "opus", "flac", "wav")

_WORD = {"type": "string", "maxLength": 64}
_ADDRESS = {"type": "string", "minLength": 8, "maxLength": 2000, "pattern": "^https?://"}
_UNIT = {"type": "number", "minimum": 0, "maximum": 1}
_SECTION = {
    "type": "object",
    "required": ["section"],
    "additionalProperties": False,
    "properties": {"section": _WORD, "bars": {"type": "integer", "minimum": 1, "maximum": 512}, "energy": _UNIT},
}
_PROPERTIES = {
    "negative_prompt": {"type": "string", "maxLength": 2000},
    "bpm": {"type": "number", "minimum": 30, "maximum": 300},
    "key": {"type": "string", "pattern": "^[A-Ga-g][#b]?( ?(major|minor|maj|min|m))?$"},
    "time_signature": {"enum": [2, 3, 4, 6]},
    # A double holds whole numbers exactly up to 2^53 only; larger seeds travel as digits.
    "seed": {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 2**53},
            {"type": "string", "pattern": "^[0-9]{1,20}$"},
        ]
    },
    "genre": _WORD,
    "mood": _WORD,
    "energy": _UNIT,
    "instruments": {"type": "array", "items": _WORD, "maxItems": 32},
    "swing": {"type": "number", "minimum": 0.5, "maximum": 75},
    "structure": {"type": "array", "items": _SECTION, "minItems": 1, "maxItems": 64},
    "chords": {
        "anyOf": [
            {"type": "string", "maxLength": 2000},
            {"type": "array", "items": {"type": "string", "maxLength": 16}, "minItems": 1, "maxItems": 512},
        ]
    },
    "melody": {
        "anyOf": [
            {"type": "string", "maxLength": 100_000},
            {"type": "array", "items": {"type": "object"}, "maxItems": 5000},
        ]
    },
    "lyrics": {
        "anyOf": [
            {"type": "string", "maxLength": 4000},
            {"type": "array", "items": {"type": "string", "maxLength": 500}, "maxItems": 200},
        ]
    },
    "mode": {"enum": ["full", "lyrics-first", "melody-only"]},
    "loop": {"type": "boolean"},
    "strength": _UNIT,
    "stems": {"type": "array", "items": {"enum": list(STEMS)}, "minItems": 1, "uniqueItems": True},
    "loudness_target": {"type": "number", "minimum": -40, "maximum": -6},
    "true_peak": {"type": "number", "minimum": -12, "maximum": 0},
    "format": {"enum": list(FORMATS)},
    "sample_rate": {"enum": [44_100, 48_000]},
    "bit_depth": {"enum": [16, 24, "f32"]},
    "guidance": {"type": "number", "minimum": 0, "maximum": 20},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_k": {"type": "integer", "minimum": 0, "maximum": 2000},
    "top_p": _UNIT,
    #: Where recordings lie: one whose sound is to be followed, and one that is to be gone on from. For tracks.
    "reference_url": _ADDRESS,
    "continue_from": _ADDRESS,
    #: A plan of before, edited or not, instead of a composition.
    "plan": {"type": "object"},
}
_OPTIONS = jsonschema_rs.validator_for({"type": "object", "additionalProperties": False, "properties": _PROPERTIES})


def check_options(options: JsonObject) -> None:
    check_schema(_OPTIONS, options, where="options")
    if int(options.get("seed", 0)) > LARGEST_SEED:
        raise errors.InvalidInput(f"options.seed: must be at most {LARGEST_SEED}", field="options.seed")
