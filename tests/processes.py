"""Python in processes of their own, forked from one that has imported PyTorch and Lightning, which takes seconds."""

import atexit
import multiprocessing
import os
import runpy
import sys
import tempfile
import threading
from pathlib import Path
from subprocess import CompletedProcess

LIMIT = 200  # seconds
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["udaln.experiment.config", "udaln.experiment.run", "udaln.experiment.sweeping.callback"])


def start(words, folder, out=os.devnull, errors=os.devnull, environment=None):
    """Start ``python WORDS`` in a folder, as the first of a group of processes, which is named by its ``pid``.

    The words are ``-m MODULE …``, ``-c CODE …`` or ``SCRIPT …``; what is printed goes to the files ``out`` and
    ``errors``.
    """
    given = [*map(str, words)], str(folder), str(out), str(errors), environment or {}
    process = FORKED.Process(target=_work, args=given)
    process.start()
    return process


def run(words, folder, environment=None):
    """Run ``python WORDS`` in a folder to its end."""
    with tempfile.TemporaryDirectory() as beside:
        out, errors = (Path(beside) / name for name in ("out", "errors"))
        process = start(words, folder, out, errors, environment)
        process.join(LIMIT)
        ended = process.exitcode is not None
        process.kill()
        assert ended, f"still running after {LIMIT} s: {words}"
        return CompletedProcess(words, process.exitcode, *(path.read_text() for path in (out, errors)))


def _work(words, folder, out, errors, environment):
    os.setsid()
    for stream, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(folder)
    os.environ.update(environment)
    try:
        added = environment.get("PYTHONPATH", "").split(os.pathsep)
        first, *rest = words
        if first == "-m":
            sys.path[:0], sys.argv = [folder, *added], rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif first == "-c":
            sys.path[:0], sys.argv = [folder, *added], ["-c", *rest[1:]]
            exec(rest[0], {"__name__": "__main__"})
        else:
            sys.path[:0], sys.argv = [str(Path(first).parent), *added], words
            runpy.run_path(first, run_name="__main__")
    finally:
        threading._shutdown()  # what the interpreter does at its end, and a process of multiprocessing does not:
        atexit._run_exitfuncs()  # joblib's executor waits for it
