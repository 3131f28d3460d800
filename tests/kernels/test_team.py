"""The team: shares cover everything once, nobody passes a barrier early, an abort frees all."""

import os
import threading
import time

import numba
import numpy as np
import pytest

from skreg._kernels.team import Team, abort, meet, new_team, share
from tests.kernels.engines import needs_threads


@numba.njit(nogil=True)
def _meet_many_times(tid, team, counters, n_rounds):
    """Count the looks at a counter of another member that was not at this round."""
    errors = 0
    for round_ in range(1, n_rounds + 1):
        counters[tid * 16] = round_
        if not meet(team):
            return -1
        for other in range(team.n_threads):
            errors += counters[other * 16] != round_
        if not meet(team):
            return -1
    return errors


def run_team(n_threads, target):
    """Return what ``target(tid)`` returned in each of ``n_threads`` threads."""
    results = [None] * n_threads

    def keep(tid):
        results[tid] = target(tid)

    members = [threading.Thread(target=keep, args=(tid,), daemon=True) for tid in range(n_threads)]
    for member in members:
        member.start()
    for member in members:
        member.join(60)
    assert not any(member.is_alive() for member in members)
    return results


@pytest.mark.parametrize("grain", (1, 8))
@pytest.mark.parametrize("n_threads", (1, 2, 3, 7))
def test_shares_cover_every_item_once_in_whole_grains(n_threads, grain):
    for n_items in (0, 1, 7, 8, 9, 100, 1000):
        ranges = [share(tid, n_threads, n_items, grain) for tid in range(n_threads)]
        assert [first for first, _ in ranges] == [0, *(last for _, last in ranges[:-1])]
        assert ranges[-1][1] == n_items
        assert all(first % grain == 0 or first == n_items for first, _ in ranges)
        sizes = [last - first for first, last in ranges]
        assert max(sizes) - min(sizes) <= 2 * grain - 1


def test_a_team_of_one_never_waits():
    team = new_team(1)
    assert meet(team) and meet(team)


@needs_threads
@pytest.mark.parametrize("n_threads", (2, 3))
def test_nobody_passes_a_barrier_before_all_have_arrived(n_threads):
    team, counters = new_team(n_threads), np.zeros(16 * n_threads, np.int64)
    results = run_team(n_threads, lambda tid: _meet_many_times(tid, team, counters, 300))
    assert results == [0] * n_threads
    assert (counters[::16] == 300).all()


@needs_threads
def test_more_members_than_processors_meet_too():
    n_threads = 2 * os.cpu_count() + 1
    team, counters = new_team(n_threads), np.zeros(16 * n_threads, np.int64)
    assert run_team(n_threads, lambda tid: _meet_many_times(tid, team, counters, 20)) == (
        [0] * n_threads
    )


@needs_threads
def test_an_abort_frees_all_who_wait():
    team = new_team(4)

    def member(tid):
        if tid < 3:
            return meet(team)
        time.sleep(0.01)
        abort(team)
        return None

    meet(new_team(1))  # compiled before the clock of anybody runs
    assert run_team(4, member) == [False, False, False, None]
    assert not meet(team)


def test_a_team_is_flags_and_a_size():
    team = new_team(3)
    assert isinstance(team, Team) and team.n_threads == 3 and not team.flags.any()
