"""What handlers return and record of the longest pieces fits into what may be said."""

from music.plan import MOST_CUTS, STEMS
from services.worker.context import LARGEST_NOTE, check_size
from services.worker.handlers import stored
from services.worker.handlers.render import section_name
from tutti import structs
from tutti.artifacts import Artifact, ArtifactKey

JOB = "06h1ahf1afxye76cq78azqjtzf-15"


def test_a_render_of_as_many_cuts_as_there_may_be_has_a_result_that_is_not_refused() -> None:
    stem = max(STEMS, key=len)
    names = [section_name(stem, cut) for cut in range(MOST_CUTS)]
    keys = [str(ArtifactKey(job=JOB, task=f"render-{stem}", attempt=100, name=name)) for name in names]
    files = [
        Artifact(name=name, type="audio/wav", size=2**40, sha256="0" * 64, key=key)
        for name, key in zip(names, keys, strict=True)
    ]
    sections = [stored.described(file) for file in files]
    result = {"stem": stem, "sections": sections, "preview_gain": 1 / 3, "seconds": 1 / 3, "mix_by": "musicgen/1"}
    check_size(structs.from_dict(result), "result")
    # And what refers to those of all stems is far from what a message may hold.
    assert len(STEMS) * structs.from_dict(result).ByteSize() < 8 * LARGEST_NOTE
