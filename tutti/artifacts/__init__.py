"""Files that jobs leave behind: what they are, where they are kept, and who may fetch them.

The stores themselves are made by `settings.build` and not imported here: whoever only describes artifacts need not load
an S3 client.
"""

from tutti.artifacts.artifact import Artifact
from tutti.artifacts.keys import ArtifactKey, check_name
from tutti.artifacts.store import ArtifactStore, Download

__all__ = ["Artifact", "ArtifactKey", "ArtifactStore", "Download", "check_name"]
