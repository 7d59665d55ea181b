"""Rules of the house that no linter knows."""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = [path for package in ("bot", "commands", "schedules") for path in (ROOT / package).rglob("*.py")]


def _calls(path: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)}


def test_only_the_clock_asks_the_system_for_the_time() -> None:
    """Otherwise a simulated day, a demo or a test would see two times."""
    asks = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time"}
    assert [path.name for path in CODE if _calls(path) & asks] == ["clock.py"]


def test_every_command_and_policy_is_one_file_of_its_own() -> None:
    """Shared pieces begin with an underscore; what does not is found by itself. A reaction to what no command has said is one, too."""
    for package in ("commands", "schedules"):
        for path in (ROOT / package).glob("[a-z]*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            assert ast.get_docstring(tree), f"{path.name} does not say what it is"
            functions = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
            decorators = [each for node in functions for each in node.decorator_list if isinstance(each, ast.Call)]
            declared = Counter(ast.unparse(decorator.func) for decorator in decorators)
            assert package == "schedules" or (declared["command"] or declared["on_reaction"]) == 1, path.name
