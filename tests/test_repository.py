"""What the files around the package promise: commands, examples, tables and versions agree."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import skreg
from skreg import augmentation, inspection
from tests.names import own_parameters

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))


def blocks(text, language):
    """Return the fenced code blocks of a Markdown text."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def first_column(text, heading):
    """Return the code words in the first column of the first table below ``heading``."""
    table = text.split(heading, 1)[1].split("\n\n", 2)[1]
    return re.findall(r"^\| `(\w+)`", table, re.MULTILINE)


def test_readme_opens_with_one_command_for_the_main_job_and_one_for_the_tests():
    job, tests = blocks(README, "bash")[0].splitlines()
    assert README.index("```bash") < 20
    script = re.search(r"examples/[\w/]+\.py$", job)[0]
    assert (ROOT / script).is_file()
    assert "'.[test]'" in tests and tests.endswith("-m pytest")
    assert all(line.startswith("python3 -m venv .venv && ") for line in (job, tests))


def test_readme_builds_the_documentation_with_one_command_that_is_tested():
    (command,) = blocks(README, "bash")[1].splitlines()
    assert command.startswith("python3 -m venv .venv && ")
    assert "'.[doc]'" in command and " -W " in command
    assert command.endswith(" doc doc/_build/html")
    assert "readme_commands 2" in (ROOT / ".ci" / "run").read_text()


def test_every_stage_of_the_checks_is_there():
    text = (ROOT / ".ci" / "run").read_text()
    (stages,) = re.findall(r"^STAGES=\((.*)\)$", text, re.MULTILINE)
    assert sorted(stages.split()) == sorted(re.findall(r"^stage_(\w+)\(\)", text, re.MULTILINE))


def test_readme_example_runs(capsys):
    (code,) = blocks(README, "python")
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    accuracy, n_zero = re.fullmatch(
        r"test accuracy (\S+), (\d+) weights are exactly zero\n", capsys.readouterr().out
    ).groups()
    assert float(accuracy) > 0.93
    assert 100 < int(n_zero) < 64 * 64 + 64 * 10
    assert len([line for line in code.splitlines() if line.strip()]) <= 15


def test_readme_names_every_parameter_with_its_default():
    both = skreg.MLPClassifier().get_params() | skreg.MLPRegressor().get_params()
    listed = first_column(README, "## Parameters that are new, or take more than scikit-learn's")
    assert set(listed) == own_parameters(), f"not in both: {set(listed) ^ own_parameters()}"
    rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \|", README, re.MULTILINE)
    assert [name for name, _ in rows] == listed
    assert {name: ast.literal_eval(default) for name, default in rows} == {
        name: both[name] for name in listed
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short_and_end_with_what_to_see(path):
    text = path.read_text()
    assert len(text.splitlines()) < 80
    assert "# What to see: " in text.split("# %%")[-1]
    assert "plt.show()" in text


BASES = {"augmentation.Transform"}  # what nobody constructs


def test_api_page_lists_every_public_name():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "doc" / "api_reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    listed = [name for _, names in reference.SECTIONS.values() for name in names]
    public = set(skreg.__all__) - {"__version__"}
    public |= {f"augmentation.{name}" for name in augmentation.__all__} - BASES
    public |= {f"inspection.{name}" for name in inspection.__all__}
    assert set(listed) == public, f"not in both: {set(listed) ^ public}"
    assert len(listed) == len(public)


@pytest.mark.parametrize("module", [augmentation, inspection])
def test_completion_offers_the_public_names_of_a_module(module):
    assert dir(module) == sorted(module.__all__)


def test_oldest_versions_are_the_lower_bounds():
    bounds = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", bound).groups() for bound in bounds)
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    for name, bound in bounds.items():
        assert re.fullmatch(rf"{re.escape(bound)}(\.0)*", pins[name]), name


def test_changelog_knows_this_version():
    assert f"\n## {skreg.__version__} (" in (ROOT / "CHANGELOG.md").read_text()


def test_contributing_names_files_that_exist():
    named = re.findall(
        r"`((?:skreg|tests|doc)/[\w/]+\.\w+)`", (ROOT / "CONTRIBUTING.md").read_text()
    )
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).is_file()] == []
