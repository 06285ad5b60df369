"""One thread for arithmetic, several for independent pieces, as many as are allowed and as memory allows."""

import contextvars
import os
import subprocess
import sys
import threading

import made_up
import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from udaln import threads
from udaln.consistency import kriging
from udaln.experiment import api
from udaln.experiment import run as experiment


def counts():
    """The threads of PyTorch, and of each BLAS that NumPy and SciPy loaded."""
    return torch.get_num_threads(), {blas["num_threads"] for blas in threadpool_info() if blas["user_api"] == "blas"}


@pytest.fixture
def three(monkeypatch):
    """As in a process that may use three threads, whatever the machine and the variables of this one are."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    monkeypatch.setattr(threads, "_allowed", contextvars.ContextVar("allowed", default=None))
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three")
def test_one_thread_each_and_as_before_afterwards():
    before = counts()
    assert before[0] == threads.allowed() == 3
    with threads.single():
        assert counts() == (1, {1})
        with pytest.raises(ZeroDivisionError), threads.single():
            assert threads.allowed() == 3  # what independent pieces may use
            raise ZeroDivisionError
        assert counts() == (1, {1})
    assert counts() == before and threads.allowed() == 3


@pytest.mark.parametrize(
    "pieces, of_memory, expected",
    [(0, 0, 1), (1, 0, 1), (2, 0, 2), (100, 0, 3), (100, 1.0, 2), (100, 0.5, 3), (100, 1.01, 1), (2, 0.1, 2)],
)
@pytest.mark.usefixtures("three")
def test_sizes_choose_the_number_of_workers(pieces, of_memory, expected):
    assert threads.workers(pieces, int(of_memory * threads.EXTRA_BYTES)) == expected
    with threads.single():
        assert threads.workers(pieces, int(of_memory * threads.EXTRA_BYTES)) == expected


@pytest.mark.parametrize("number", (1, 3))
def test_a_variable_of_the_user_bounds_them(number):
    program = "from udaln import threads\nwith threads.single(): print(threads.workers(100))"
    environment = os.environ | {threads.VARIABLE: str(number)}
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    assert 1 <= int(printed) <= number


@pytest.mark.parametrize("workers", (1, 2, 5))
def test_results_come_in_order_from_as_many_threads(workers):
    met, several = set(), threading.Barrier(workers)

    def work(number):
        if number < workers:
            several.wait(10)  # all of them have to be there
        met.add(threading.get_ident())
        assert counts() == (1, {1}) and not torch.is_grad_enabled()
        return number**2

    before = counts()
    with torch.no_grad(), threads.in_order(work, range(20), workers) as results:
        assert list(results) == [number**2 for number in range(20)]
    assert len(met) == workers and counts() == before
    assert (threading.get_ident() in met) == (workers == 1)


def test_an_error_ends_the_work():
    done = []

    def work(number):
        done.append(number)
        return 1 / (number - 1)

    with pytest.raises(ZeroDivisionError), threads.in_order(work, range(1000), 2) as results:
        list(results)
    assert len(done) < 1000


@pytest.mark.usefixtures("three")
def test_processes_share_the_threads(monkeypatch):
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    for processes, each in {2: "1", 3: "1", 7: "1", 1: None}.items():
        with threads.single(), threads.divided(processes):
            assert os.environ.get(threads.VARIABLE) == each
        assert threads.VARIABLE not in os.environ
    monkeypatch.setenv(threads.VARIABLE, "2")
    with threads.divided(2):
        assert os.environ[threads.VARIABLE] == "2"
    assert os.environ[threads.VARIABLE] == "2"


@pytest.mark.usefixtures("three")
def test_what_is_started_uses_one_thread(monkeypatch, configure, tmp_path):
    seen = []

    class Stop(Exception):
        pass

    def look(*_, **__):
        seen.append((counts(), threads.allowed()))
        raise Stop

    before = counts()
    monkeypatch.setattr(api, "fuse_scene", look)
    monkeypatch.setattr(experiment, "prepare", look)
    scene = made_up.scene()
    with pytest.raises(Stop):
        api.fuse(scene.lr_hsi, scene.hr_msi)
    with pytest.raises(Stop):
        experiment.run(configure(), tmp_path)
    assert seen == [((1, {1}), 3)] * 2
    assert counts() == before


def test_a_fused_image_is_the_same_however_many_work_on_it(monkeypatch):
    """To the bit; and tiles are worked on side by side."""
    scene, met, images = made_up.unlike((31, 22), snr_hsi=35, snr_msi=35), {}, {}
    krige_tile = kriging.krige_tile
    for workers in (1, 3):
        met[workers] = set()

        def met_tile(*given, at=met[workers], **named):
            at.add(threading.get_ident())
            return krige_tile(*given, **named)

        monkeypatch.setattr(kriging, "krige_tile", met_tile)
        monkeypatch.setattr(threads, "workers", lambda *_, number=workers: number)
        options = {"instruments": "alike", "uncertainty": True, "progress": False}
        fusion = api.fuse(scene.lr_hsi, scene.hr_msi, support=scene.support, **options)
        images[workers] = fusion.image, fusion.deviation
    assert threading.get_ident() in met[1] and threading.get_ident() not in met[3]
    for one, three in zip(images[1], images[3], strict=True):
        np.testing.assert_array_equal(one, three)
