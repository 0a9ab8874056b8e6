"""Read the lines of a file that another process is still writing."""

from collections.abc import Callable
from pathlib import Path

LINE_LIMIT_BYTES = 64 * 1024  # a line longer than this is cut; Terraform's longest JSON lines stay below it
_CHUNK_BYTES = 64 * 1024
_READ_LIMIT_BYTES = 1024 * 1024  # per look, so that a flood cannot keep the reader from its clock


class OutputFollower:
    """Hands on each complete line of a growing file, once.

    Bytes that are not UTF-8 become U+FFFD. Of a line longer than `LINE_LIMIT_BYTES` the rest is dropped.
    """

    def __init__(self, path: Path, on_line: Callable[[str], None], *, offset: int) -> None:
        self._path = path
        self._on_line = on_line
        self._offset = offset
        self._partial = b""

    def read(self, *, limit_bytes: int | None = _READ_LIMIT_BYTES) -> int:
        """Hand on the lines that are complete by now.

        Args:
            limit_bytes: How much to read in this look; ``None`` reads to the end.

        Returns:
            How many bytes were new.
        """
        count = 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while (limit_bytes is None or count < limit_bytes) and (chunk := file.read(_CHUNK_BYTES)):
                count += len(chunk)
                self._offset += len(chunk)
                self._take(chunk)
        return count

    def finish(self) -> None:
        """Hand on all that is left, also a last line without its end; for when the writer is gone."""
        self.read(limit_bytes=None)
        if self._partial:
            self._emit(self._partial)
            self._partial = b""

    def _take(self, chunk: bytes) -> None:
        head, *lines = chunk.split(b"\n")
        self._grow(head)
        for line in lines:
            complete, self._partial = self._partial, b""
            self._grow(line)
            self._emit(complete)

    def _grow(self, more: bytes) -> None:
        self._partial += more[: LINE_LIMIT_BYTES - len(self._partial)]

    def _emit(self, line: bytes) -> None:
        self._on_line(line.removesuffix(b"\r").decode("utf-8", errors="replace"))
