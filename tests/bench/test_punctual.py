"""The benchmark does what it says. How quick anything is, it alone tells: no test does."""

from pathlib import Path

from bench.punctual import BACKENDS, measure, table

FIGURES = {"idle_look", "due_look", "p50", "p99", "max", "seconds_at_once", "in_order"}


async def test_both_databases_are_measured_in_one_run(tmp_path: Path) -> None:
    result = await measure(tmp_path, pending=30, due=2, at_once=26, looks=2)

    for backend in BACKENDS:
        for which in ("few", "many"):
            figures = result[backend][which]
            assert figures.keys() == FIGURES
            assert figures["in_order"]
            assert all(figures[name] > 0 for name in FIGURES)
            assert figures["p50"] <= figures["p99"] <= figures["max"]
        assert result[backend]["ratio"].keys() == {"idle_look", "due_look", "p99"}

    lines = table(result).splitlines()
    assert lines[0] == "2 due, one every 150 ms; a message takes 20 ms"
    assert [line.split() for line in lines if line.endswith("ratio")] == [
        [backend + ",", "to", "come:", "10", "30", "ratio"] for backend in BACKENDS
    ]
    assert sum(line.split() == ["in", "order", "in", "each", "room", "yes", "yes"] for line in lines) == 2
