"""Devices, seeds and threads: the only place that touches torch's global state."""

import ctypes
import hashlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from srgformer_lab.config import check_device, check_number
from srgformer_lab.errors import ConfigError

KEEP = ((-4, 0), (-1, 2**31 - 1), (-2, 2**28))
"""glibc's M_MMAP_MAX (no array has a mapping of its own), M_TRIM_THRESHOLD and M_TOP_PAD (bytes)."""


def available_devices() -> tuple[str, ...]:
    """Name the devices that this machine has, the fastest first."""
    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    return (*found, "cpu")


def resolve_device(name: str = "auto") -> torch.device:
    """Turn a device's name into a device; ``auto`` takes the fastest one there is.

    Raises:
        ConfigError: It is no device's name, or the machine has no such device.
    """
    check_device(name)
    present = available_devices()
    kind, _, number = (present[0] if name == "auto" else name).partition(":")
    if kind not in present:
        raise ConfigError(f"device={name!r} is not on this machine, which has {', '.join(present)}; use one of them or auto")
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise ConfigError(f"device={name!r} is not on this machine, which has {torch.cuda.device_count()} of them, from cuda:0 on")
    return torch.device(kind, int(number)) if number else torch.device(kind)


def is_accelerator(device: torch.device) -> bool:
    """Return whether a device works apart from the host, so that a number which the host asks for has to be waited for."""
    return device.type != "cpu"


def keep_memory() -> bool:
    """Let this process keep the memory that it frees, for a training that allocates the same large arrays at every step.

    Otherwise glibc gives each back to the system, which hands it out again zeroed, page by page: that took a tenth to a third
    of an epoch. Meant for processes of our own; tells whether it took effect (elsewhere than on glibc nothing happens).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in KEEP)


def generator(device: torch.device | str, *keys: object) -> torch.Generator:
    """Make a generator whose draws depend on the keys alone, so that epoch k of a resumed run draws what it always drew."""
    digest = hashlib.sha256(repr(keys).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@cache
def has_sparse_products(device: str) -> bool:
    """Return whether this build of torch multiplies sparse rows on a device: on MPS, and on processors without MKL, it may not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch calls its sparse rows a beta feature
            pattern = torch.eye(2, device=device).to_sparse_csr()
            dense = torch.ones(2, 2, device=device)
            product, sampled = pattern @ dense, torch.sparse.sampled_addmm(pattern, dense, dense, beta=0.0)
        return bool((product == 1).all() and (sampled.values() == 2).all())
    except (RuntimeError, NotImplementedError):
        return False


def n_threads() -> int:
    """Return the number of threads that torch computes with."""
    return torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads, and restore the number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(check_number("threads", count, 1, 4096, "threads to compute with", is_whole=True))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def n_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> float:
    """Return how much memory this machine could hand out now, in bytes; infinite where the system doesn't say."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        return 1024.0 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return float("inf")


def peak_memory(device: torch.device) -> float:
    """Return the most memory that this process ever held, in bytes; on CUDA, that its tensors held there. NaN where nobody counts."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    try:  # getrusage would count what the process that started this one held: Linux hands it down
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines())
        return 1024.0 * int(fields["VmHWM"].split()[0])
    except (OSError, KeyError, ValueError):
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else 1024 * most)


def wait_for(device: str) -> None:
    """Wait until a device has done what it was asked to: before reading a clock."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()
