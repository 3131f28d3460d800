"""Who updates what: every row and every bias once, in any team."""

import pytest

from skreg._kernels.job import PADDED_FAN_IN
from skreg._kernels.ownership import own_rows, owns_bias
from skreg._kernels.team import new_team
from skreg._kernels.tiles import TILE_ROWS
from tests.kernels.engines import features, make_engine, targets


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
def test_every_row_and_every_bias_has_one_owner(n_threads):
    team = new_team(n_threads)
    with make_engine((19, 40, 3), features(10, 19), targets(0, 10, 3)) as engine:
        for k in range(2):
            rows = []
            for tid in range(n_threads):
                first, last = own_rows(tid, team, engine.job, k)
                assert first % TILE_ROWS == 0 or first == last
                rows += range(first, last)
            assert rows == list(range(engine.job.layout[PADDED_FAN_IN, k]))
            assert sum(owns_bias(tid, team, k) for tid in range(n_threads)) == 1
