"""Tables for people, in Markdown that is aligned for a terminal as well."""

from benchmarks import timing

PEERS = {"skreg": "skreg", "sklearn": "scikit-learn", "torch": "torch eager", "jax": "JAX jit+scan"}
MISSING = "-"


def markdown(header, rows):
    """Return a Markdown table with aligned columns; the first holds words, the others numbers.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences of str
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rules = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    lines = [_line(header, widths), _line(rules, widths), *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def speed_table(records, dtype):
    """Return seconds per fit, and in brackets how many times longer than skreg a peer takes."""
    threads = _threads(records, dtype)
    names = _peers(records, dtype)
    header = [f"work, {dtype}", *(f"{PEERS[name]} {_join(threads, 't')}" for name in names)]
    rows = []
    for title, by_threads in _by_title(records, dtype).items():
        cells = (
            " / ".join(_speed_cell(by_threads.get(n), name) for n in threads) for name in names
        )
        rows.append([title, *cells])
    return markdown(header, rows)


def peak_table(records, dtype):
    """Return which share of the FMA peak of its cores the products of each fit reach."""
    peak = largest_peak(records, dtype)
    threads = _threads(records, dtype)
    names = _peers(records, dtype)
    work = f"work, {dtype} (peak of a core {peak / 1e9:.0f} GFLOP/s)"
    header = [work, "GFLOP", *(f"{PEERS[name]} {_join(threads, 't')}" for name in names)]
    rows = []
    for title, by_threads in _by_title(records, dtype).items():
        flops = next(iter(by_threads.values()))["flops"]
        cells = (
            " / ".join(_share_cell(by_threads.get(n), name, peak) for n in threads)
            for name in names
        )
        rows.append([title, f"{flops / 1e9:.2f}", *cells])
    return markdown(header, rows)


def first_call_table(records, dtype):
    """Return what the first call took beyond the others: compilation, or loading its result."""
    names = _peers(records, dtype)
    rows = []
    for record in records:
        if record["dtype"] == dtype and record["threads"] == _threads(records, dtype)[0]:
            peers = record["peers"]
            extras = (
                f"{peers[name]['first'] - peers[name]['seconds']:.2f}" if name in peers else MISSING
                for name in names
            )
            rows.append([record["title"], *extras])
    return markdown([f"seconds, {dtype}", *(PEERS[name] for name in names)], rows)


def predict_table(records):
    """Return rows per second of ``predict_proba`` and the ratio to scikit-learn."""
    header = ["predict_proba, rows per second", "skreg", "scikit-learn", "ratio"]
    rows = []
    for record in records:
        speeds = record["rows_per_second"]
        ours, theirs = (speeds.get(name) for name in ("skreg", "sklearn"))
        ratio = f"x{ours / theirs:.2f}" if ours and theirs else MISSING
        rows_at_once = f"{record['rows']:,} row" + "s" * (record["rows"] != 1)
        title = f"{rows_at_once}, {record['dtype']}, {_count(record['threads'])}"
        rows.append([title, *(f"{x:,.0f}" if x else MISSING for x in (ours, theirs)), ratio])
    return markdown(header, rows)


def startup_table(records):
    """Return what is waited for before the first result."""
    rows = [[record["what"], f"{record['seconds']:.3f}"] for record in records]
    return markdown(["before the first result", "seconds"], rows)


def memory_table(records):
    """Return the memory of a fit beside its allowance, in megabytes."""
    header = ["peak memory of a fit, MB", "data", "grown by", "workspace", "5 x weights", "used"]
    rows = []
    for record in records:
        title = f"{record['title']}, {record['dtype']}, {_count(record['threads'])}"
        parts = (record[key] / 1e6 for key in ("data", "growth", "workspace", "weights"))
        share = f"{memory_share(record):.0%} of allowed growth"
        rows.append([title, *(f"{part:.1f}" for part in parts), share])
    return markdown(header, rows)


def memory_share(record):
    """Return growth over the data, as a share of one workspace and the copies of the weights."""
    return record["growth"] / (record["workspace"] + record["weights"])


def largest_peak(records, dtype):
    """Return the best peak seen in a run: clocks fall, limits do not rise."""
    return max(record["peak"] for record in records if record["dtype"] == dtype)


def share_of_peak(record, name, peak):
    """Return operations per second of a peer's products, over what its cores could do."""
    return record["flops"] / record["peers"][name]["seconds"] / (peak * record["threads"])


def _speed_cell(record, name):
    if record is None or name not in record["peers"]:
        return MISSING
    seconds = {key: value["seconds"] for key, value in record["peers"].items()}
    if name == "skreg" or "skreg" not in seconds:
        return f"{seconds[name]:.3f}"
    return f"{seconds[name]:.3f} (x{timing.ratios(seconds, 'skreg')[name]:.1f})"


def _share_cell(record, name, peak):
    if record is None or name not in record["peers"]:
        return MISSING
    return f"{share_of_peak(record, name, peak):.0%}"


def _by_title(records, dtype):
    """Return ``{title: {threads: record}}`` in the order of the records."""
    table = {}
    for record in records:
        if record["dtype"] == dtype:
            table.setdefault(record["title"], {})[record["threads"]] = record
    return table


def _threads(records, dtype):
    return sorted({record["threads"] for record in records if record["dtype"] == dtype})


def _peers(records, dtype):
    """Return the peers that ran at all, in the order of the columns."""
    seen = {name for record in records if record["dtype"] == dtype for name in record["peers"]}
    return [name for name in PEERS if name in seen]


def _join(values, unit):
    return " / ".join(f"{value}{unit}" for value in values)


def _count(threads):
    return f"{threads} thread" + "s" * (threads != 1)


def _line(cells, widths):
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return "| " + " | ".join(padded) + " |"
