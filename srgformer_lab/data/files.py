"""The one door to files of a data folder: only regular files of a known size are opened, whatever a name in it turns out to be."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from srgformer_lab.errors import DataError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class OddFileError(OSError):
    """What a name leads to is no file, or one that is larger than anything it could be."""

    def __init__(self, reason: str) -> None:
        """Keep the reason where every OSError has its own."""
        super().__init__(0, reason)

    def __str__(self) -> str:
        """Return the reason alone."""
        return self.strerror or ""


def open_file(path: Path, most: int) -> BufferedReader:
    """Open a regular file of at most ``most`` bytes for reading; links are followed, pipes, devices and sockets never opened.

    Args:
        path: Where it lies.
        most: The size in bytes beyond which it can't be what it should be.

    Raises:
        OSError: It can't be opened, is no file (``OddFileError``), or is larger.
    """
    try:
        _check(path.stat(), most)
        # nobody waits for a pipe that took the file's place since
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except ValueError as error:  # a NUL in the path
        raise OddFileError(str(error)) from error
    file = os.fdopen(opened, "rb")
    try:
        _check(os.fstat(opened), most)
    except OSError:
        file.close()
        raise
    return file


def _check(found: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OddFileError(f"it is {KINDS.get(stat.S_IFMT(found.st_mode), 'something else')}, not a file")
    if found.st_size > most:
        raise OddFileError(f"{found.st_size:,} bytes, and at most {most:,} can be read")


def size_of(file: BufferedReader) -> int:
    """Return how many bytes an open file has."""
    return os.fstat(file.fileno()).st_size


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, or a link to one; what can't be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def entries(folder: Path, pattern: str = "*") -> list[Path]:
    """Return what a folder holds under names of a pattern, by name; nothing where there is no such folder.

    Raises:
        DataError: The folder can't be listed.
    """
    try:
        if not is_folder(folder):
            return []
        return sorted(path for path in map(Path, os.scandir(folder)) if path.match(pattern))
    except OSError as error:
        raise DataError(f"{folder} can't be listed ({error.strerror}); check its permissions") from error


def existing_folder(folder: str | Path) -> Path:
    """Return the folder's absolute path.

    Raises:
        DataError: It does not exist, is a file, or can't be looked at.
    """
    try:
        path = Path(folder).expanduser().absolute()
        found = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"there is no folder {Path(folder).expanduser().absolute()}; check the path for a slip, or use the built-in data set, 'studio'"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:  # too long, a loop of links, a NUL, or the home of nobody
        raise DataError(f"{str(folder)!r} can't be opened ({getattr(error, 'strerror', None) or error}); check the path") from error
    if stat.S_ISREG(found):
        raise DataError(f"{path} is a file; give the folder that holds the data set")
    if not stat.S_ISDIR(found):
        raise DataError(f"{path} is {KINDS.get(stat.S_IFMT(found), 'no folder')}; give the folder that holds the data set")
    return path
