"""The harness of the pages: it sees what is wrong, and can write what is right."""

from pathlib import Path

import pytest
from tests.support.pages import Part, is_shown, parts, tables, walk

PAGE = """\
# A page

<!-- step: prepare -->

```console
$ greet
hello
```

<!-- not run: it would take a year -->
```text
nothing
```

<!-- table: words -->
| Word | Meaning |
| --- | --- |
| `a\\|b` | one or the other |

```mermaid
flowchart LR
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_parts(page: Path) -> None:
    """Marks, blocks and tables are found, with their lines."""
    assert list(parts(page)) == [
        Part("step", "prepare", 3),
        Part("console", "$ greet\nhello", 6, 2),
        Part("not run", "it would take a year", 10),
        Part("text", "nothing", 12, 1),
        Part("table", "words", 15),
        Part("mermaid", "flowchart LR", 21, 1),
    ]
    assert tables(page) == {"words": [["`a|b`", "one or the other"]]}


def written(page: Path) -> str:
    return page.read_text(encoding="utf-8")


async def walked(page: Path, says: str) -> list[str]:
    done: list[str] = []

    async def prepare() -> None:
        done.append("prepare")

    async def show(text: str) -> str:
        done.append(text)
        return f"$ greet\n{says}"

    await walk(page, show={"console": show}, steps={"prepare": prepare})
    return done


async def test_walk(page: Path) -> None:
    """Steps and blocks come in their order; what is marked so is passed over."""
    assert await walked(page, "hello") == ["prepare", "$ greet\nhello"]


async def test_walk_sees_a_difference(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the page and the line, and shows both."""
    monkeypatch.delenv("UPDATE_PAGES", raising=False)
    with pytest.raises(AssertionError, match=r"page\.md:6 shows something else(.|\n)*-hello\n\+goodbye"):
        await walked(page, "goodbye")


async def test_walk_writes(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With UPDATE_PAGES the page shows what happens, and the rest of it stays."""
    monkeypatch.setenv("UPDATE_PAGES", "1")
    await walked(page, "good\nbye  ")
    assert written(page) == PAGE.replace("hello", "good\nbye")


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ("id 0b7c2a9e-4f0e-4c5e-9b5c-0d8f7f9f3a11 at 12:00", "id 9d4e6b1c-2a5f-4e8d-b7c3-61f0a8e5d329 at 23:59"),
        ('{"durationMs":12,"failed":0}', '{"durationMs": 7.5,"failed":0}'),
        ("first\n...\nlast", "first\nsecond\nthird\nlast"),
        ("a     b\n─────", "a b\n──"),
        ("due in 2 min, made 3 s ago", "due in 119 s, made 1 min ago"),
    ],
)
def test_what_differs_from_run_to_run(shown: str, real: str) -> None:
    """Ids, times, durations, widths; and whatever `...` stands for."""
    assert is_shown(shown, real)


@pytest.mark.parametrize(
    ("shown", "real"),
    [
        ('{"durationMs":12,"failed":0}', '{"durationMs":12,"failed":1}'),
        ("first\n...\nlast", "first\nsecond"),
        ("status 200", "status 201"),
        ("all", "all of it"),
    ],
)
def test_what_must_be_the_same(shown: str, real: str) -> None:
    """Everything else."""
    assert not is_shown(shown, real)
