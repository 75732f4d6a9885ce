"""Grading in forks of one process that has imported everything already: a process of its own spends seconds on imports."""

import multiprocessing
import os
import subprocess
import tempfile
from types import SimpleNamespace

import srgformer_lab as lab
from srgformer_lab import plots  # noqa: F401 what lessons import
from srgformer_lab.lessons import grading

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])
for _name in lab.__all__:
    getattr(lab, _name)


def graded(words, errors, environment, folder):
    """Be the process that grades."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # it is found anew, from the environment
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, target in enumerate((nothing, nothing, os.open(errors, os.O_WRONLY))):
        os.dup2(target, number)
    grading.main(*words)


def run(command, *, stderr, timeout, env, cwd, **_):
    """Do what ``subprocess.run`` does with the command that grades."""
    process = CONTEXT.Process(target=graded, args=(command[3:], stderr.name, env, cwd))
    process.start()
    process.join(timeout)
    if process.is_alive():
        process.kill()
        raise subprocess.TimeoutExpired(command, timeout)
    return subprocess.CompletedProcess(command, process.exitcode)


INSTEAD = SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired)
