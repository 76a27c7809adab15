"""The key that signs artifact addresses: made once per data directory, so that addresses survive a restart."""

import os
import secrets
from pathlib import Path

FILE_NAME = "artifact-url-secret"


def kept(data_dir: Path) -> str:
    file = data_dir / FILE_NAME
    if not file.exists():
        # Complete and private before it has its name: a mesh that is killed meanwhile leaves no half a key.
        draft = file.with_name(f".{FILE_NAME}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(32))
        draft.replace(file)
    return file.read_text().strip()
