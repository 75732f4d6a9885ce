"""A file as blocks of text: unpacked, in the encoding that it is found to have, in little memory whatever its size."""

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from srgformer_lab.data.files import open_file
from srgformer_lab.errors import DataError

MOST_BYTES = 8 * 2**30
"""A table that takes more room, unpacked, is refused before it is read."""
MOST_LINE = 2**27
"""So much in one line is no table; without a bound, a file of nothing but holes would be put together in memory."""
BLOCK = 2**24
SAMPLE = 2**16
GZIP = b"\x1f\x8b"
MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a mark",
    "utf-32": "UTF-32",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}
OTHER_FILES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or call a workbook .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as .xlsx or .csv"),
    (b"PAR1", "a Parquet file", "call it .parquet"),
    (b"BZh91AY&SY", "packed by bzip2", "unpack it"),
    (b"\xfd7zXZ", "packed by xz", "unpack it"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"Rar!", "a rar archive", "unpack it"),
    (b"SQLite format 3", "a SQLite database", "export its tables as .csv"),
    (b"\x93NUMPY", "a numpy array", "call it .npy"),
    (b"version https://git-lfs", "a pointer of git-lfs, not the file itself", "fetch the file with: git lfs pull"),
    (b"%PDF", "a PDF", "export its table as .csv"),
)
"""Beginnings of files that are no text tables whatever they are called, and what to do."""
PAGES = ("<!doctype", "<html", "<?xml", "<head", "<body")


@dataclass(frozen=True)
class Look:
    """What a first look at a file of text found."""

    encoding: str
    sample: str
    """Its beginning."""
    quotes: bool
    """Whether there is a double quote in it."""
    n_bytes: int
    example: str = ""
    """A line that is no UTF-8, as it was read."""

    @property
    def named(self) -> str:
        """What people call the encoding."""
        return NAMES.get(self.encoding, self.encoding)


def raw_blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """Return a file's bytes in blocks, unpacked where it is packed by gzip.

    Raises:
        OSError: It can't be read, is no file, or is too large.
        DataError: It is packed and damaged, or too large unpacked.
    """
    with open_file(path, MOST_BYTES) as file:
        packed = file.peek(2)[:2] == GZIP
        source, n_read = gzip.GzipFile(fileobj=file) if packed else file, 0
        try:
            while block := source.read(size):
                if (n_read := n_read + len(block)) > MOST_BYTES:
                    raise DataError(f"{path.name}: more than {MOST_BYTES:,} bytes unpacked; keep fewer rows")
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path.name}: it is packed, and cut or damaged ({error}); download or pack it anew") from error


def look(path: Path, encoding: str | None = None) -> Look | None:
    """Find out a file's encoding, and see that it is text; nothing where it is empty.

    Raises:
        OSError: It can't be read, is no file, or is too large.
        DataError: It is no text, or not in the encoding that was asked for.
    """
    blocks = raw_blocks(path)
    first = next(blocks, b"")
    for start, kind, remedy in OTHER_FILES:
        if first.startswith(start):
            raise DataError(f"{path.name} is {kind}; {remedy}")
    found = encoding or next((name for mark, name in MARKS if first.startswith(mark)), None) or _unmarked(first)
    seen, example, first_bad = b"", b"", ""
    bad, good, quotes, n_bytes, n_lines = 0, 0, False, 0, 1
    for block in _whole_lines(path, first, blocks):
        n_bytes += len(block)
        seen = seen if len(seen) >= SAMPLE else seen + block[: max(SAMPLE, block.find(b"\n") + 1)]
        quotes = quotes or b'"' in block
        if found.startswith(("utf-16", "utf-32")) or encoding:
            continue
        if (place := block.find(0)) >= 0:
            block = block[:place]
        if not block.isascii():
            text = block.decode("utf-8", "replace")
            if n_bad := text.count("\ufffd"):
                bad += n_bad
                if bad == n_bad:
                    first_bad, example = _first_bad(block, n_lines)
            good += len(text) - len(text.encode("ascii", "ignore")) - n_bad
        if place >= 0:
            if bad:
                raise DataError(f"{path.name}: {first_bad} is no UTF-8 text; save the file as UTF-8")
            raise DataError(f"{path.name}: line {n_lines + block.count(10)}: byte 0x00 is no UTF-8 text; save the file as UTF-8")
        n_lines += block.count(10)
    if bad > good:
        found = _western(path)
    elif bad:
        raise DataError(f"{path.name}: {first_bad} is no UTF-8 text, though the rest is; save the file as UTF-8, or give encoding='cp1252'")
    sample = _decoded(path, seen, found)
    if sample.lstrip().lower().startswith(PAGES):
        raise DataError(f"{path.name} is a web page, as sites send to those who are not signed in; download the file itself")
    return Look(found, sample, quotes, n_bytes, example.decode(found, "replace")) if sample.strip() or n_bytes > len(seen) else None


def _first_bad(block: bytes, n_lines: int) -> tuple[str, bytes]:
    """Return where the first byte is that is no UTF-8, in words, and its line."""
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        start, end = block.rfind(b"\n", 0, error.start) + 1, block.find(b"\n", error.start)
        words = f"line {n_lines + block.count(10, 0, error.start)}: byte 0x{block[error.start]:02x}"
        return words, block[start : end if end >= 0 else len(block)][:200]
    return f"line {n_lines}: a byte", b""


def _unmarked(start: bytes) -> str:
    """Return UTF-16 where every other byte is empty, as in files without a mark; else UTF-8."""
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        part = start[: 2**12][offset::2]
        if len(part) > 3 and part.count(0) > 0.6 * len(part) and start[: 2**12][1 - offset :: 2].count(0) < 0.2 * len(part):
            return name
    return "utf-8"


def _western(path: Path) -> str:
    """Return the code page that a file fits which is no UTF-8."""
    undefined = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
    return "latin-1" if any(byte in block for block in raw_blocks(path) for byte in undefined) else "cp1252"


def _decoded(path: Path, start: bytes, encoding: str) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(start)
    except LookupError as error:
        raise DataError(f"encoding={encoding!r} is no encoding; give one such as 'cp1252', 'utf-16' or 'shift_jis'") from error
    except UnicodeError as error:
        raise DataError(f"{path.name} is not in the encoding {encoding}: {error}; save the file as UTF-8, or give its encoding") from error


def _whole_lines(path: Path, first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Return blocks that end with their lines, so that no character is cut; what holds empty bytes at once, for holes have no lines."""
    rest = b""
    for block in chain([first], blocks):
        cut = len(block) if 0 in block else block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
        _check_line(path, len(rest))
    if rest:
        yield rest


def _check_line(path: Path, size: int) -> None:
    if size > MOST_LINE:
        raise DataError(f"{path.name}: one line takes more than {MOST_LINE:,} bytes; a table has a line a row, so download or save it anew")


def text_blocks(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    """Return a file's text in blocks that end with their lines, each with how many bytes were read until then.

    Raises:
        OSError: It can't be read.
        DataError: It is not in this encoding.
    """
    decoder, rest, n_read = codecs.getincrementaldecoder(encoding)(), "", 0
    for block in raw_blocks(path):
        n_read += len(block)
        try:
            text = rest + decoder.decode(block)
        except UnicodeError as error:
            raise DataError(
                f"{path.name} is not in the encoding {encoding}: {error}; save the file as UTF-8, or give its encoding"
            ) from error
        cut = text.rfind("\n") + 1
        rest = text[cut:]
        _check_line(path, len(rest))
        if cut:
            yield text[:cut], n_read
    if rest:
        yield rest, n_read


def free_memory() -> int:
    """Return about how many bytes this process may still take."""
    found = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        stat = Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii").split()
        found += [int(limit) - int(stat[stat.index("anon") + 1])] if limit.isdigit() else []
    except (OSError, ValueError):
        pass
    return max(min(found), 0) if found else 2**63
