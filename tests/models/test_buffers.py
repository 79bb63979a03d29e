"""Arrays that serve one after the other: never two at a time, and none after their time."""

import threading

import numpy as np

from selfvae_codec.models.exact.buffers import LEAST, empty, reused


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_serves_again_once_nobody_refers_to_it_or_to_a_part_of_it():
    with reused():
        first = empty((3, LEAST), np.int16)
        first[:], place = 7, address(first)
        part = first[1:, ::2].transpose(1, 0)
        del first
        other = empty((3, LEAST), np.int16)
        assert address(other) != place
        other[:] = 1
        assert (part == 7).all()
        del part
        assert address(empty((LEAST, 3), np.int16)) == place
        assert address(empty((LEAST,), np.int16)) != place  # a buffer is not spent on what is much smaller


def test_what_outlives_its_time_stays_as_it_is():
    with reused():
        kept = empty((LEAST,), np.uint8)
        kept[:] = 3
    with reused():
        for _ in range(3):
            empty((LEAST,), np.uint8)[:] = 5
    assert (kept == 3).all()


def test_threads_share_no_memory_and_nothing_is_kept_outside():
    addresses = []

    def asked():
        addresses.append(address(empty((LEAST,), np.uint8)))

    with reused():
        held = empty((LEAST,), np.uint8)
        place = address(held)
        del held
        thread = threading.Thread(target=asked)
        thread.start()
        thread.join()
        with reused():
            assert address(empty((LEAST,), np.uint8)) == place
    assert addresses != [place]
