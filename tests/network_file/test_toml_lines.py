"""Lines of TOML values: for every document that tomllib accepts, everything in it is found, and nothing else."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.network_file.toml_lines import Path, TooIntricate, locate, open_brackets, tokens

TRICKY = '''# "quoted" [comment]
top = 1 # = x
'single quoted' = "a # b ] } , ="
"\\u0062are".inner . deep = 2020-10-30 07:32:00
site."key.with.dots" = 1.5

[network]
list = [ # first
  "a", 'b',

  [1, [2]],
  """three
lines ""\\""" and a quote""""
  , { x = 1, "y z".w = {} },
]
multi = \'\'\'
[[not.a.table]]
\'\'\'
after = true

[[labs]]
key = "a"
[[labs.partners]]
[[labs.partners]]
name = "p"
[labs.partners.more]
x = 1

[[labs]]
[labs.inner]
partners = []
[[labs.partners]]
name = "q"'''

LINES: dict[Path, int] = {
    ("single quoted",): 3,
    ("bare", "inner", "deep"): 4,
    ("site", "key.with.dots"): 5,
    ("network",): 7,
    ("network", "list"): 8,
    ("network", "list", 1): 9,
    ("network", "list", 2, 1, 0): 11,
    ("network", "list", 3): 12,
    ("network", "list", 4, "y z", "w"): 14,
    ("network", "multi"): 16,
    ("network", "after"): 19,
    ("labs",): 21,
    ("labs", 0, "partners", 1, "name"): 25,
    ("labs", 0, "partners", 1, "more", "x"): 27,
    ("labs", 1): 29,
    ("labs", 1, "inner"): 30,
    ("labs", 1, "partners", 0, "name"): 33,
}


def paths(value: object, path: Path = ()) -> set[Path]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path}.union(*(paths(inner, (*path, key)) for key, inner in entries))


def test_tricky_document() -> None:
    found = locate(tokens(TRICKY))
    assert {path: found.of(path) for path in LINES} == LINES
    assert set(found) == paths(tomllib.loads(TRICKY))


def test_a_missing_value_has_the_line_of_what_is_around_it() -> None:
    found = locate(tokens(TRICKY))
    assert [found.of(("labs", 0, "name")), found.of(("nothing", 7))] == [21, 1]


BROKEN = [".", "=", "[", "]", "{", "}", "\\", '"', "'", '"""', "'''", ",", "\nx = ["]
KEYS = ["a", "b-1", '"c d"', "'e.f'", '"\\u0066"', "1", '""', "a.b", "a . 'c'", 'b-1."c d".x']
VALUES = ["1", "1.5", "2020-10-30", "2020-10-30 07:32:00", "true", '"#"', "'['", '"""\n"""', '"""x\n""\\""""""', "'''\n]'''"]
BLANKS = ["", " ", "\n", " # , ]\n", "\t"]


def _in_brackets(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    blank = st.sampled_from(BLANKS)
    entry = st.tuples(blank, inner, blank).map("".join)
    array = st.tuples(st.lists(entry, max_size=3).map(",".join), st.sampled_from(["", "\n"])).map("".join)
    pair = st.tuples(st.sampled_from(KEYS), st.just(" ="), inner).map("".join)
    return array.map("[{}]".format) | st.lists(pair, max_size=2).map(", ".join).map("{{{}}}".format)


values = st.recursive(st.sampled_from(VALUES), _in_brackets, max_leaves=5)
statements = (
    st.tuples(st.sampled_from(KEYS), values).map(" = ".join)
    | st.sampled_from(KEYS).map("[{}]".format)
    | st.sampled_from(KEYS).map("[[{}]]".format)
    | st.sampled_from(["", "# [x]", *BROKEN])
)


@given(st.lists(statements, max_size=8).map("\n".join))
def test_agrees_with_tomllib(source: str) -> None:
    """Whatever stands there: if tomllib reads it, `locate` knows the same paths."""
    found = tokens(source)
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError:
        return
    assert set(locate(found)) == paths(data)


@given(st.text())
def test_tokens_take_any_text(source: str) -> None:
    found = tokens(source)
    assert (found[-1].kind, found[-1].offset) == ("end", len(source))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("\n" + "x = " + "[" * 33, 2),
        (".".join("abcdefghijklmnopq") + " = 1", 1),
        ("x = 1\n[" + ".".join("abcdefghijklmnopq") + "]", 2),
        ("x = " + "9" * 1001, 1),
    ],
)
def test_too_intricate(source: str, line: int) -> None:
    """What would overflow tomllib's stack, or take it the square of its length, is refused before."""
    with pytest.raises(TooIntricate) as caught:
        tokens(source)
    assert (caught.value.line, caught.value.many) == (line, False)


def test_too_many() -> None:
    """Each piece takes its time and memory, of which two million characters can have two million."""
    with pytest.raises(TooIntricate) as caught:
        tokens("x = 1\n" + "x = [" + "1," * 900_000)
    assert (caught.value.line, caught.value.many) == (2, True)


@pytest.mark.timeout(60)  # a second; days, if it took the square of the length
@pytest.mark.parametrize("piece", ['"\\', '"', "'", '"""\\', "'''a", '\\"', '"" ', "a = [\n]\n"])
def test_takes_time_in_proportion(piece: str) -> None:
    """Unfinished strings must not be looked at again from each of their characters."""
    tokens(piece * (1_000_000 // len(piece)))


def test_open_brackets() -> None:
    found = tokens("a = [\n  { b = 1 },\n  { c = [")
    assert [[bracket.line for bracket in open_brackets(found, offset)] for offset in (0, 10, 18, 99)] == [
        [],
        [1, 2],
        [1],
        [1, 3, 3],
    ]


@pytest.mark.parametrize("source", ['"""a"', "'''a''", '"a\\"', "'a", '"', '"""', "'''", '"""\\"""'])
def test_unclosed_strings(source: str) -> None:
    assert [token.kind for token in tokens(source)] == ["unclosed", "end"]


@pytest.mark.parametrize("source", ['"""a""""', '""""""', "'''''a'''", '"\\""', "''", '""'])
def test_closed_strings(source: str) -> None:
    assert [token.kind for token in tokens(source)] == ["string", "end"]
