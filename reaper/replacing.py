"""Replace a file as a whole: whoever reads it meanwhile sees the old one or the new one."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes, *, mode: int) -> None:
    """Put a new file in the place of ``path``; a link there is replaced and not followed.

    Until then it is a hidden file beside it, whose name no collector, cron or systemd takes for its own.

    :raises OSError: it could not be written; what was at ``path`` is still there.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
