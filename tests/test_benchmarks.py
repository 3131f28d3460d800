"""The arithmetic and the tables of the benchmarks; nothing is timed here."""

import pytest

from benchmarks import cores, costs, datasets, goals, memory, report, timing, workloads


def record(name="digits", threads=1, **seconds):
    """Return what a run of one row leaves behind."""
    workload = workloads.by_name(name)
    return {
        "workload": name,
        "title": workload.title,
        "dtype": "float32",
        "threads": threads,
        "flops": workloads.product_flops(workload),
        "peak": 100e9,
        "peers": {peer: {"seconds": value, "first": 3.0} for peer, value in seconds.items()},
    }


def test_products_are_counted_by_hand():
    """Forward and gradient of 64 x 100; forward, gradient and backward of 100 x 10."""
    per_row = 2 * (2 * 64 * 100 + 3 * 100 * 10)
    assert workloads.product_flops(workloads.by_name("digits")) == per_row * 1797 * 100


def test_a_network_without_hidden_layers_needs_no_way_back():
    linear = workloads.by_name("digits")._replace(hidden=(), epochs=1)
    assert workloads.product_flops(linear) == 2 * 2 * 64 * 10 * 1797


def test_parameters_of_the_large_network():
    expected = 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10
    assert workloads.n_parameters(workloads.by_name("images-large")) == expected


@pytest.mark.parametrize("name", ["digits", "table"])
def test_described_shapes_are_those_of_the_data(name):
    X, y = datasets.load(name, "float32")
    shape = datasets.SHAPES[name]
    assert X.shape == (shape.n_rows, shape.n_features)
    assert X.dtype == "float32" and X.flags.c_contiguous
    assert sorted(set(y.tolist())) == list(range(shape.n_classes))


def test_synthetic_images_stand_in_for_missing_ones():
    X, y = datasets._synthetic_images()
    shape = datasets.SHAPES["images"]
    assert X.shape == (shape.n_rows, shape.n_features)
    assert 0 <= X.min() and X.max() <= 1
    assert len(set(y.tolist())) == shape.n_classes


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=workloads.NAMES)
def test_every_row_says_what_it_does(workload):
    assert workload.units[0] == datasets.SHAPES[workload.data].n_features
    assert workload.units[1:-1] == workload.hidden
    for fact in (workload.data, workload.batch_size, workload.epochs, workload.shape.n_rows):
        assert str(fact) in workload.title
    assert ("dropout" in workload.title) == (workload.dropout > 0)
    assert (workload.activation in workload.title) == (workload.activation != "relu")


def test_rows_are_told_apart_by_name_and_title():
    assert len(set(workloads.NAMES)) == len(workloads.WORKLOADS)
    assert len({workload.title for workload in workloads.WORKLOADS}) == len(workloads.WORKLOADS)


def test_quick_rows_are_small():
    quick = workloads.by_name("images-large", quick=True)
    assert quick.shape.n_rows == 1000 and quick.epochs == 1


def test_ratios_are_relative_to_the_base():
    assert timing.ratios({"a": 2.0, "b": 5.0}, "a") == {"a": 1.0, "b": 2.5}


def test_alternate_takes_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) or name for name in "ab"}
    timings = timing.alternate(calls, rounds=2)
    assert order == list("ababab")
    assert timings["b"].result == "b"
    assert len(timings["a"].runs) == 2 and timings["a"].seconds == min(timings["a"].runs)


def test_speed_table_shows_seconds_and_ratios():
    records = [
        record(skreg=0.1, sklearn=0.45),
        record(threads=2, skreg=0.05, sklearn=0.5),
        record("digits-gelu", skreg=0.2),
    ]
    lines = report.speed_table(records, "float32").splitlines()
    assert [len(line) for line in lines] == [len(lines[0])] * 4
    assert "skreg 1t / 2t" in lines[0] and "scikit-learn 1t / 2t" in lines[0]
    assert "0.100 / 0.050" in lines[2] and "0.450 (x4.5) / 0.500 (x10.0)" in lines[2]
    assert "0.200 / -" in lines[3] and "- / -" in lines[3]


def test_peak_table_shows_shares_of_all_cores():
    flops = record(skreg=1)["flops"]
    one, two = flops / 50e9, flops / 80e9
    lines = report.peak_table([record(skreg=one), record(threads=2, skreg=two)], "float32")
    assert "50% / 40%" in lines and "peak of a core 100 GFLOP/s" in lines


def test_first_calls_are_reported_once_and_without_the_work():
    records = [record(skreg=0.25, jax=0.5), record(threads=2, skreg=0.125)]
    lines = report.first_call_table(records, "float32").splitlines()
    assert len(lines) == 3
    assert "2.75" in lines[2] and "2.50" in lines[2]


def test_goals_have_a_side():
    found = goals.of_fits([record(skreg=0.1, sklearn=0.5, jax=0.09)])
    met = {goal.name: goal.met for goal in found}
    assert met["sklearn / skreg, digits, float32, 1t"] is True
    assert met["jax / skreg, digits, float32, 1t"] is False
    late = goals.of_startup([{"what": "cold compilation, float32", "seconds": 9.0}])
    assert [goal.met for goal in late] == [False]


def test_allowance_of_memory():
    workload = workloads.by_name("images")
    assert memory.allowance(workload, "float32") == {
        "data": 60_000 * (784 * 4 + 8),
        "workspace": 200 * (784 + 2 * 110) * 4,
        "weights": 5 * (785 * 100 + 101 * 10) * 4,
    }


def test_core_lists_are_expanded():
    assert cores.expand("0-2,8\n") == [0, 1, 2, 8]


def test_costs_are_ratios_to_the_plain_fit():
    records = [
        {"row": "digits", "threads": 1, "seconds": {"plain": 0.08, "l1": 0.1, "CutOut": 0.04}},
        {"row": "table", "threads": 2, "seconds": {"plain": 0.5, "l1": 0.55}},
    ]
    lines = [line.split() for line in costs.table(records).splitlines()]
    assert lines == [
        ["digits/1", "table/2"],
        ["plain", "80.0", "ms", "500.0", "ms"],
        ["l1", "1.25", "1.10"],
        ["CutOut", "0.50"],
    ]


def test_images_have_costs_that_tables_do_not_have():
    assert set(costs.cases(64)) - set(costs.cases(20)) == {"CutOut", "ImageTransform"}
    assert list(costs.cases(20))[0] == "plain"
