"""The shape of the package: imports run one way, one decorator, small files and functions."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skreg

PACKAGE = Path(skreg.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem != "__init__")

# A module imports only from lines above its own.
LAYERS = [
    {"_garbage", "_kernel_cache"},
    {"_jit"},
    {"_kernels"},
    {"_warnings"},
    {
        "_callbacks",
        "_compilation",
        "_docs",
        "_parallel",
        "_random_state",
        "_routing",
        "_sklearn",
    },
    {"_architecture", "_labels", "_schedules", "_scores", "_stopping", "_threads", "_parameters"},
    {"_costs", "_entries", "_penalties", "_plugs"},
    {"_coordinates", "_history", "_table", "_task", "_zeros"},
    {"_job"},
    {"_engine"},
    {"_lbfgs", "_objective", "_polish", "_prediction"},
    {"_augmenting", "_compression", "_draws", "_training"},
    {"_image_transforms"},
    {"augmentation"},
    {"_constraints", "_regularization", "_validation"},
    {"_inputs"},
    {"_null_model", "_runs"},
    {"_grids", "_lbfgs_run", "_stochastic_run"},
    {"_fitted", "_search"},
    {"_base", "_chosen", "_folds"},
    {"_halving", "_refit", "_walk"},
    {"_classifier", "_regressor"},
    {"_cv", "_cv_docs", "_path"},
    {"_classifier_cv", "_regressor_cv", "_stability"},
    {"_bias_variance"},
    {"_displays"},
    {"inspection"},
]
FOLDERS = ("_displays", "_kernels")
DEPTH = {name: depth for depth, names in enumerate(LAYERS) for name in names}


def part_of(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            # "from skreg import _x" names a module; "from skreg._x import y" is one.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "skreg":
                yield rest.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_run_one_way(path):
    part = part_of(path)
    assert part in DEPTH, f"{part} has no place in the layers yet"
    for imported in imported_parts(path):
        inside = imported == part and part in FOLDERS
        assert inside or DEPTH[imported] < DEPTH[part], f"{part} imports {imported}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_modules_of_a_folder_do_not_import_one_another_in_circles(folder):
    graph = {}
    for path in (PACKAGE / folder).glob("*.py"):
        modules = [node.module for node in ast.walk(ast.parse(path.read_text()))
                   if isinstance(node, ast.ImportFrom)]  # fmt: skip
        prefix = f"skreg.{folder}."
        graph[path.stem] = {m.removeprefix(prefix) for m in modules if m.startswith(prefix)}
    while graph:
        leaves = [name for name, needed in graph.items() if not needed & graph.keys()]
        assert leaves, f"a circle among {sorted(graph)}"
        for name in leaves:
            del graph[name]


# Where the tests of a module are that has no file of tests under its own name.
TESTED_IN = {
    "_augmenting": "augmentation",
    "_base": "validation",
    "_classifier_cv": "cv",
    "_constraints": "parameters",
    "_cv_docs": "cv",
    "_image_transforms": "augmentation",
    "_lbfgs_run": "lbfgs",
    "_plugs": "additions",
    "_regressor_cv": "cv",
    "_sklearn": "validation",
    "_stochastic_run": "runs",
    "_displays._axes": "inspection",
    "_displays._searches": "inspection_searches",
    "_displays._unwrap": "inspection_strengths",
    "_displays.bias_variance": "inspection_strengths",
    "_displays.loss_curve": "inspection",
    "_displays.path": "inspection_strengths",
    "_displays.sparsity": "inspection",
    "_displays.uncertainty": "inspection_strengths",
    "_displays.weights": "inspection",
    "_kernels.batch": "kernels/gather",
    "_kernels.clipping": "kernels/learn",
    "_kernels.dropout": "kernels/network",
    "_kernels.group_term": "kernels/structure",
    "_kernels.outputs": "kernels/losses",
    "_kernels.parts": "kernels/epoch",
    "_kernels.passes": "kernels/epoch",
    "_kernels.replicas": "kernels/epoch",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_has_its_tests(path):
    *folders, module = path.relative_to(PACKAGE).with_suffix("").parts
    name = ".".join([*folders, module])
    has_own = file_of("/".join(part.lstrip("_") for part in [*folders, module])).exists()
    if name in TESTED_IN:
        assert not has_own, f"{name} needs no entry in TESTED_IN"
        assert file_of(TESTED_IN[name]).exists()
    else:
        assert has_own, f"{name} needs tests, or an entry in TESTED_IN"


def file_of(place):
    """Return the file of tests at "folder/name" or "name"."""
    folder, _, name = place.rpartition("/")
    return Path(__file__).parent / folder / f"test_{name}.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_and_functions_are_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            assert code_lines(node) <= 45, f"{node.name} is long"


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "_kernels").glob("*.py")), ids=lambda path: path.stem
)
def test_kernels_have_few_arguments(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            decorators = {ast.unparse(one) for one in node.decorator_list}
            assert "intrinsic" in decorators or len(node.args.args) <= 7, node.name


def code_lines(function):
    """Return how many lines a function has without its docstring."""
    n_lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        n_lines -= docstring.end_lineno - docstring.lineno + 1
    return n_lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nobody_else_writes_the_decorator(path):
    if path.name == "_jit.py":
        return
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not names & {"njit", "jitclass", "vectorize", "guvectorize", "prange"}


def test_no_two_kernels_give_one_name_to_two_constants():
    homes = {}
    for path in (PACKAGE / "_kernels").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign):
                names = [name.id for target in node.targets for name in ast.walk(target)
                         if isinstance(name, ast.Name) and name.id.isupper()]  # fmt: skip
                for name in names:
                    homes.setdefault(name, set()).add(path.name)
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert not twice, f"rename all but one of {twice}, or import it if they mean the same"


def test_private_names_of_scikit_learn_are_imported_in_one_place():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn"):
                private = "._" in node.module or any(a.name.startswith("_") for a in node.names)
                assert not private or path.name in ("_sklearn.py", "_callbacks.py"), path.name


def test_the_package_shows_its_public_names_only():
    assert set(skreg.__all__) >= {"MLPClassifier", "MLPRegressor"}
    assert all(hasattr(skreg, name) for name in skreg.__all__)


def test_what_a_fit_does_without_is_imported_when_it_is_asked_for():
    program = (
        "import sys, skreg\n"
        "skreg.MLPClassifier((2,), max_iter=1).fit([[0.0], [1.0]], [0, 1])\n"
        "later = 'skreg.inspection', 'skreg._cv', 'skreg._path', 'sklearn.model_selection'\n"
        "assert not {*later} & {*sys.modules}, {*later} & {*sys.modules}\n"
        "assert {*skreg.__all__, 'inspection', '__version__'} <= {*dir(skreg)}\n"
        "assert skreg.MLPClassifierCV is skreg._classifier_cv.MLPClassifierCV\n"
        "assert skreg.inspection.LossCurveDisplay.__module__.startswith('skreg')\n"
        "assert not hasattr(skreg, 'no_such_name')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
