"""The README's example in a notebook, and how a fitted model shows itself there."""

import re
from pathlib import Path

import pytest
import sklearn

pytestmark = [
    pytest.mark.slow,
    # What Jupyter's packages say to one another.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:zmq"),
]

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def notebook():
    """Run the README's example in one cell, then ask for the model and the network."""
    nbformat = pytest.importorskip("nbformat", exc_type=ImportError)
    nbclient = pytest.importorskip("nbclient", exc_type=ImportError)
    pytest.importorskip("ipykernel", exc_type=ImportError)
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.S | re.M)
    cells = [nbformat.v4.new_code_cell(source) for source in (code, "model", "network")]
    book = nbformat.v4.new_notebook(cells=cells)
    folder = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=folder).execute()
    nbformat.validate(book)
    return book


def results(cell):
    """Return the data of what a cell ends with, by its format."""
    (output,) = (output for output in cell.outputs if output.output_type == "execute_result")
    return output.data


def test_the_example_prints_what_it_promises(notebook):
    printed = "".join(
        output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout"
    )
    accuracy, n_zero = re.fullmatch(
        r"test accuracy (\S+), (\d+) weights are exactly zero\n", printed
    ).groups()
    assert float(accuracy) > 0.93
    assert 100 < int(n_zero) < 64 * 64 + 64 * 10


def test_nothing_raised_or_warned(notebook):
    kinds = {output.output_type for cell in notebook.cells for output in cell.outputs}
    assert kinds <= {"stream", "execute_result"}
    errors = [output.text for output in notebook.cells[0].outputs if output.get("name") == "stderr"]
    assert not re.search("Warning|Error", "".join(errors))


def test_the_model_shows_itself(notebook):
    model, network = map(results, notebook.cells[1:])
    assert "StandardScaler" in model["text/html"] and "MLPClassifier" in model["text/html"]
    text = re.sub(r"\s+", " ", network["text/plain"])
    assert text == (
        "MLPClassifier(dropout=0.2, hidden_layer_sizes=(64,), l1=0.0005, learning_rate='cosine', "
        "learning_rate_init=0.01, max_iter=60, random_state=0)"
    )
    assert "generated/skreg.MLPClassifier.html" in network["text/html"]
    attributes = re.search(r"Fitted attributes.*best_validation_score_", network["text/html"], re.S)
    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    assert bool(attributes) == (version >= (1, 9))
