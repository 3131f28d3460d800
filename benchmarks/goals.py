"""What the package promises, checked against the numbers of one run."""

from typing import NamedTuple

from benchmarks import report

# Times longer than skreg that scikit-learn takes: (one thread, two threads).
SKLEARN_RATIOS = {
    "digits": (4.0, 6.5),
    "digits-32": (8.0, 11.5),
    "table": (6.0, 10.0),
    "images": (2.3, 4.5),
    "images-large": (2.2, 3.5),
    "digits-tanh": (3.0, 3.0),
    "digits-logistic": (3.0, 3.0),
}
JAX_RATIO = 1.0
TWO_THREADS_ON_LARGE = 1.8
PEAK_SHARES = {"images-large": 0.8, "digits": 0.5}
COLD_SECONDS, CACHED_SECONDS, IMPORT_SECONDS = 8.0, 0.5, 0.3


class Goal(NamedTuple):
    """A measured value and its limit, which is a floor or a ceiling."""

    name: str
    value: float
    limit: float
    is_floor: bool = True

    @property
    def met(self):
        """Whether the value is on the right side of its limit."""
        return self.value >= self.limit if self.is_floor else self.value <= self.limit


def of_fits(records):
    """Return the goals of the two tables of fits."""
    records = [record for record in records if "skreg" in record["peers"]]
    goals = [goal for record in records for goal in _against_peers(record)]
    goals += [goal for record in records for goal in _against_peak(record, records)]
    return goals + _of_two_threads(records)


def of_predict(records):
    """Return the goals of prediction: ahead of scikit-learn at every size."""
    goals = []
    for record in records:
        speeds = record["rows_per_second"]
        if {"skreg", "sklearn"} <= speeds.keys():
            name = f"predict_proba, {record['rows']} rows, {record['dtype']}, {record['threads']}t"
            goals.append(Goal(name, speeds["skreg"] / speeds["sklearn"], 1.0))
    return goals


def of_startup(records):
    """Return the goals of everything that is waited for before the first result."""
    seconds = {record["what"]: record["seconds"] for record in records}
    goals = []
    if "import skreg" in seconds:
        extra = seconds["import skreg"] - seconds["import sklearn"]
        goals.append(Goal("import skreg above import sklearn, s", extra, IMPORT_SECONDS, False))
    limits = {"cold": COLD_SECONDS, "first fit, compiled": CACHED_SECONDS}
    for what, value in seconds.items():
        for start, limit in limits.items():
            if what.startswith(start):
                goals.append(Goal(f"{what}, s", value, limit, is_floor=False))
    return goals


def of_memory(records):
    """Return the goals of memory: no more than the data, one workspace and five weights."""
    goals = []
    for record in records:
        where = f"{record['workload']}, {record['dtype']}, {record['threads']}t"
        goals.append(Goal(f"memory / allowance, {where}", report.memory_share(record), 1.0, False))
    return goals


def table(goals):
    """Return all goals as a table, the missed ones first."""
    rows = []
    for goal in sorted(goals, key=lambda goal: goal.met):
        limit = f"{'at least' if goal.is_floor else 'at most'} {goal.limit:g}"
        rows.append([goal.name, f"{goal.value:.2f}", limit, "met" if goal.met else "MISSED"])
    return report.markdown(["goal", "value", "limit", ""], rows)


def _against_peers(record):
    seconds = {name: peer["seconds"] for name, peer in record["peers"].items()}
    where = f"{record['workload']}, {record['dtype']}, {record['threads']}t"
    floors = {"jax": JAX_RATIO}
    if record["workload"] in SKLEARN_RATIOS and record["threads"] in (1, 2):
        floors["sklearn"] = SKLEARN_RATIOS[record["workload"]][record["threads"] - 1]
    return [
        Goal(f"{name} / skreg, {where}", seconds[name] / seconds["skreg"], floor)
        for name, floor in floors.items()
        if name in seconds
    ]


def _against_peak(record, records):
    if record["workload"] not in PEAK_SHARES or record["threads"] != 1:
        return []
    peak = report.largest_peak(records, record["dtype"])
    share = report.share_of_peak(record, "skreg", peak)
    name = f"share of FMA peak, {record['workload']}, {record['dtype']}"
    return [Goal(name, share, PEAK_SHARES[record["workload"]])]


def _of_two_threads(records):
    seconds = {
        (record["dtype"], record["threads"]): record["peers"]["skreg"]["seconds"]
        for record in records
        if record["workload"] == "images-large"
    }
    return [
        Goal(f"1t / 2t, images-large, {dtype}", one / seconds[dtype, 2], TWO_THREADS_ON_LARGE)
        for (dtype, threads), one in seconds.items()
        if threads == 1 and (dtype, 2) in seconds
    ]
