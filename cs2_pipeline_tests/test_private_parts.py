"""Private parts of other packages that are used here: each named once, and its package capped below the next release.

A private part may change in any release: who raises a cap looks at these uses first.
"""

import ast
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
WATCHED = ("bentoml", "_bentoml_sdk", "_bentoml_impl", "dagster", "mlflow", "sklearn", "uvicorn", "starlette")
DISTRIBUTION = {"_bentoml_sdk": "bentoml", "_bentoml_impl": "bentoml", "sklearn": "scikit-learn"}
PRIVATE = re.compile(r"(^|\.)_(?!_)|^mlflow\.(utils|store)\b|^uvicorn\.protocols\b")
"""A name with an underscore in front, and modules that their package does not document."""

USES = {
    "bento/gateway/__main__.py": {"_bentoml_impl.worker.service"},  # one process without BentoML's supervisor
    "bento/gateway/service.py": {"_bentoml_sdk"},  # a type that BentoML does not export
    "bento/http/connections.py": {"uvicorn.protocols.http.httptools_impl"},  # bounds on heads and slow readers
    "bento/predictions/__main__.py": {"_bentoml_impl.worker.service"},
    "bento/predictions/service.py": {"_bentoml_sdk"},
    "cs2_pipeline/cli/runs.py": {  # what makes Dagster's pages list a run of the command line under its code location
        "dagster._core.remote_origin",
        "dagster._core.types.loadable_target_origin",
    },
    "cs2_pipeline/defs/automation/failures.py": {"dagster._core.execution.plan.objects"},  # why a step failed
    "cs2_pipeline/defs/jobs.py": {"dagster._core.definitions.unresolved_asset_job_definition"},  # a type
    "cs2_pipeline/registry/runs.py": {"mlflow.utils.mlflow_tags", "mlflow.utils.validation"},  # names and a limit
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if alias.name.startswith("_")}
    return found


def test_every_private_use_is_named_here_and_nothing_else() -> None:
    found = {}
    for folder in ("bento", "cs2_pipeline"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = {one for one in imported(path) if one.split(".")[0] in WATCHED and PRIVATE.search(one)}
            if names:
                found[str(path.relative_to(ROOT))] = names
    assert found == USES


def test_a_package_whose_private_parts_are_used_is_capped() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [Requirement(line) for extra in ("pipeline", "serving") for line in extras[extra]]
    packages = {name.split(".")[0] for names in USES.values() for name in names}
    for package in {DISTRIBUTION.get(name, name) for name in packages}:
        found = [one for one in asked if one.name in (package, f"{package}-skinny")]
        assert found, package
        assert all("<" in str(one.specifier) for one in found), package


def test_the_settings_import_nothing_that_imports_them() -> None:
    own = {name for name in imported(ROOT / "cs2_pipeline" / "settings.py") if name.startswith("cs2_pipeline")}
    assert own == {"cs2_pipeline.artifact", "cs2_pipeline.settings_kinds"}


def test_the_tables_of_mlflow_are_read_in_one_place() -> None:
    """They are private too: `registry.listing` reads those of an embedded store, and leaves to MLflow what changed."""
    tables = re.compile(r"\b(model_versions?|model_version_tags|registered_model_\w+|latest_metrics)\b(?=[^\n]*WHERE)")
    sources = [path for folder in ("bento", "cs2_pipeline") for path in (ROOT / folder).rglob("*.py")]
    found = [str(path.relative_to(ROOT)) for path in sources if tables.search(path.read_text())]
    assert found == ["cs2_pipeline/registry/listing.py"]
