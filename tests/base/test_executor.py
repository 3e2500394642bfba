import errno
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import cv2
import pytest
from label_quality.plugin.base.executor import map_shards
from threadpoolctl import threadpool_info, threadpool_limits


@pytest.mark.parametrize("workers", [1, 2, 5, None])
def test_results_come_in_the_order_of_the_shards(workers: int | None) -> None:
    def slow_first(shard: int) -> int:
        time.sleep(0.002 * (shard % 4 == 0))
        return shard * shard

    assert list(map_shards(slow_first, range(40), workers)) == [shard * shard for shard in range(40)]


def test_no_shards_no_results() -> None:
    assert list(map_shards(abs, [], 3)) == []


def test_one_worker_works_in_the_calling_thread_and_only_when_asked() -> None:
    seen = []
    results = map_shards(lambda shard: seen.append(threading.current_thread()) or shard, range(5), 1)
    assert seen == []
    assert next(results) == 0
    assert seen == [threading.current_thread()]


def test_several_shards_run_at_once() -> None:
    together = threading.Barrier(3)
    assert list(map_shards(lambda shard: together.wait(10) >= 0, range(3), 3)) == [True] * 3


def test_a_slow_consumer_bounds_what_is_taken() -> None:
    taken = []

    def shards() -> Iterator[int]:
        for shard in range(100):
            taken.append(shard)
            yield shard

    for yielded, _ in enumerate(map_shards(lambda shard: shard, shards(), 3), start=1):
        assert len(taken) <= yielded - 1 + 3 + 2
    assert len(taken) == 100


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_says_its_shard_and_follows_the_results_before_it(workers: int) -> None:
    def fail(shard: int) -> int:
        if shard == 4:
            raise ValueError("no such thing")
        return shard

    results = []
    with pytest.raises(ValueError, match="no such thing") as caught:
        for result in map_shards(fail, range(50), workers):
            results.append(result)
    assert results == [0, 1, 2, 3]
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["in shard 4"]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_transient_error_is_tried_again(workers: int) -> None:
    tries: dict[int, int] = {}

    def hiccup(shard: int) -> int:
        tries[shard] = tries.get(shard, 0) + 1
        if shard == 2 and tries[shard] == 1:
            raise OSError(errno.ESTALE, "Stale file handle")
        return shard

    assert list(map_shards(hiccup, range(5), workers)) == list(range(5))
    assert tries == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}


@pytest.mark.parametrize(("error", "retries", "expected"), [(errno.EIO, 2, 3), (errno.EIO, 0, 1), (errno.ENOSPC, 2, 1)])
def test_an_error_that_stays_is_raised(error: int, retries: int, expected: int) -> None:
    tries = []

    def broken(shard: int) -> None:
        tries.append(shard)
        raise OSError(error, "broken")

    with pytest.raises(OSError, match="broken"):
        list(map_shards(broken, [0], 2, retries))
    assert len(tries) == expected


def test_leaving_the_loop_cancels_what_has_not_begun() -> None:
    begun = []
    gate = threading.Event()

    def work(shard: int) -> int:
        begun.append(shard)
        if shard:
            gate.wait(10)
        return shard

    results = map_shards(work, range(1000), 2)
    assert next(results) == 0
    threading.Timer(0.1, gate.set).start()
    results.close()
    assert len(begun) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("label-quality")]


def test_opencv_has_no_threads_of_its_own() -> None:
    cv2.setNumThreads(2)
    list(map_shards(abs, [1], 1))
    assert cv2.getNumThreads() == 1


def test_matrix_products_have_no_threads_of_their_own_while_maps_run() -> None:
    def products() -> int:
        # Some are built without threads
        return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

    with threadpool_limits(2, user_api="blas"):
        assert products() == 2
        first, second = (map_shards(lambda shard: products(), range(9), workers=2) for _ in range(2))
        assert next(first) == next(second) == 1
        # The one that began first ends first
        assert list(first) == [1] * 8 and products() == 1
        second.close()
        assert products() == 2


def test_nor_have_those_of_a_library_that_is_loaded_between_two_maps() -> None:
    script = """
import numpy
from label_quality.plugin.base.executor import map_shards
from threadpoolctl import threadpool_info, threadpool_limits

def products(shard):
    return sorted(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")

before = next(map_shards(products, range(1), workers=2))
import scipy.linalg.blas
# Its own, whatever the machine
threadpool_limits(2, user_api="blas")
print(len(products(0)) - len(before), set(next(map_shards(products, range(1), workers=2))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "1 {1}\n", done.stderr
