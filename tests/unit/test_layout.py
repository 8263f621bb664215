"""How the code is laid out: short modules that open with why, and SQL in one place. Layers are import-linter's."""

import ast
from pathlib import Path

import pytest

import magnum

PACKAGE = Path(magnum.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stat().st_size)
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short_and_says_why_it_is_there(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert ast.get_docstring(tree), "it should open with what it decides and what it does not"
    too_long = {
        node.name: length
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert not too_long


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.relative_to(PACKAGE).parts[0] != "db"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_only_db_speaks_sql(path):
    """Others name the type of a transaction, to hand it on, and nothing else of SQLAlchemy's."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not {"sqlalchemy", "alembic"} & {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"sqlalchemy", "alembic"}:
            assert (node.module, [alias.name for alias in node.names]) == ("sqlalchemy", ["Connection"])
