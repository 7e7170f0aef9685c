"""`charter migrate` where the models have changed: what it says, and what it proposes."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.operations import ops

from charter.postgres import Address, databases
from charter.service.proposals import Remark, steps
from tests.charter.command_line import charter_in, naming
from tests.charter.project.copies import copied

MORE = """
    rank: Mapped[int]
    price: Mapped[Decimal]
    worth: Mapped[int] = mapped_column(WholeNumber)
    secret: Mapped[bool]
    note: Mapped[str] = mapped_column(Text)
    mood: Mapped[str] = mapped_column(Enum("fine", native_enum=False))
    seen_at: Mapped[datetime]
    code: Mapped[UUID]
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))
    more: Mapped[dict[str, int]] = mapped_column(JSONB)
    tone: Mapped[str] = mapped_column(Enum("low", "loud", name="tone"))
    tones: Mapped[list[str]] = mapped_column(ARRAY(Enum("low", "loud", name="tone")))
    maker_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
"""
"""Required columns of many types, for a table that may have rows."""
ANOTHER = """

class Sound(Entity):
    __tablename__ = "sounds"

    tone: Mapped[str] = mapped_column(Enum("low", "loud", name="tone"))
"""
"""A table with the same type in one of its columns."""
IMPORTS = """
from decimal import Decimal
from typing import Any
from sqlalchemy import Boolean, Enum
from sqlalchemy.dialects.postgresql import JSONB
from charter.service.numbers import WholeNumber
"""
CHANGES = {
    "description: Mapped[str | None] = mapped_column(Text)": (
        "description: Mapped[str] = mapped_column(Text)"
    ),
    "    quantity: Mapped[int] = mapped_column(Integer)\n": "",
    "status: Mapped[str] = mapped_column(Text)": "status: Mapped[Any] = mapped_column(JSONB)",
    "version: Mapped[int] = mapped_column(Integer, default=1)": (
        "version: Mapped[bool] = mapped_column(Boolean)"
    ),
    '        Index(None, "owner_id", "title", "id"),\n': "",
    "    due_at: Mapped[datetime | None]\n": f"    due_at: Mapped[datetime | None]{MORE}",
    "from datetime import datetime\n": f"from datetime import datetime\n{IMPORTS}",
}

ROWS = """
INSERT INTO users (id, email, password_hash)
VALUES ('4f4e4e1d-c824-4d63-b37a-d8d698862f1d', 'ada@example.com', '-');
INSERT INTO items (id, owner_id, version, title, status, quantity, tags)
SELECT gen_random_uuid(), id, 1, 'Tea', 'open', 1, '{}' FROM users, generate_series(1, 2)
"""
OWNER = "UPDATE items SET maker_id = owner_id"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("migrated"))
    model = folder / "impl" / "models" / "items.py"
    text = model.read_text()
    for before, after in CHANGES.items():
        assert before in text
        text = text.replace(before, after)
    model.write_text(text + ANOTHER)
    return folder


@pytest.fixture(scope="module")
def compared(project: Path, server: Address) -> str:
    """What `--compare` said before there was a migration."""
    done = charter_in(project, "migrate", "--compare", **naming(server))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(project: Path, compared: str, server: Address) -> str:
    """What `--new` said."""
    done = charter_in(project, "migrate", "--new", "more", **naming(server))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def database(server: Address) -> Iterator[Address]:
    """With the schema that was there before, and rows in it."""
    with databases.scratch(server) as address:
        yield address


def test_the_difference_is_said_in_words(compared: str) -> None:
    said = compared.splitlines()

    assert "The models add the column items.rank." in said
    assert "The models remove the column items.quantity." in said
    assert "The models change the column items.description: it is required." in said
    assert "The models remove the index items_owner_id_title_id_idx of items." in said
    assert any(line.startswith("The models add the constraint items_maker_id_") for line in said)
    assert said[-1] == (
        'The models and the migrations differ. `charter migrate --new "what changes"` writes the'
        " migration."
    )
    assert "(" not in compared


def test_the_migration_that_is_written_is_named_with_the_next_step(
    written: str, project: Path
) -> None:
    (file,) = (project / "alembic" / "versions").glob("*_more.py")

    assert written.splitlines() == [
        f"+ alembic/versions/{file.name}",
        "Read it first; then `charter migrate` runs it, and so does `charter serve`.",
    ]


def test_it_runs_on_tables_with_rows_once_it_says_what_no_type_tells(
    written: str, project: Path, database: Address
) -> None:
    (file,) = (project / "alembic" / "versions").glob("*_more.py")
    text = file.read_text()
    before = re.findall(r'down_revision.* = "(\w+)"', text)[0]
    where = naming(database)
    assert charter_in(project, "migrate", before, **where).returncode == 0
    asyncio.run(databases.execute(database, ROWS.split(";")[0]))
    asyncio.run(databases.execute(database, ROWS.split(";")[1]))
    remark = "# No value suits every row: give the rows that are there one in maker_id here.\n"
    assert remark in text
    assert "ALTER COLUMN status TYPE JSONB USING to_jsonb(status)" in text
    assert "ALTER COLUMN version TYPE BOOLEAN USING version <> 0" in text
    assert re.search(r'sa\.Column\(\s*"worth", sa\.Numeric\(\)', text)  # without Charter

    unfinished = charter_in(project, "migrate", **where)
    file.write_text(text.replace(remark, f'op.execute("{OWNER}")\n'))
    finished = charter_in(project, "migrate", **where)

    assert unfinished.returncode == 1
    assert "Give the rows that are there a value first" in unfinished.stderr
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[0].endswith(": applied.")
    assert "is at head; `charter serve` serves it." in finished.stdout
    rows = "SELECT count(*) FROM items WHERE rank = 0 AND mood = 'fine' AND tone = 'low'"
    assert asyncio.run(databases.execute(database, rows)) == 2
    codes = "SELECT count(DISTINCT code) FROM items"
    assert asyncio.run(databases.execute(database, codes)) == 2
    down = charter_in(project, "migrate", before, "--down", **where)
    assert down.returncode == 0, down.stderr
    assert "undone." in down.stdout
    assert asyncio.run(databases.execute(database, "SELECT sum(quantity) FROM items")) == 0
    types = "SELECT count(*) FROM pg_type WHERE typname = 'tone'"
    assert asyncio.run(databases.execute(database, types)) == 0
    again = charter_in(project, "migrate", **where)
    assert again.returncode == 0, again.stderr


def test_where_nothing_has_changed_nothing_is_written(
    written: str, project: Path, server: Address
) -> None:
    done = charter_in(project, "migrate", "--new", "again", **naming(server))

    assert done.stdout == "The models and the migrations agree: there is nothing to write.\n"


def test_a_revision_that_there_is_not_is_named_with_a_remedy(
    project: Path, server: Address
) -> None:
    done = charter_in(project, "migrate", "zzz", **naming(server))

    assert done.returncode == 1
    assert "'zzz': `charter run alembic history` lists those" in done.stderr


def test_a_model_that_python_cannot_read_is_named_with_its_line(
    tmp_path: Path, server: Address
) -> None:
    folder = copied(tmp_path)
    (folder / "impl" / "models" / "items.py").write_text("class Item(\n")

    done = charter_in(folder, "migrate", "--compare", **naming(server))

    assert done.returncode == 2
    assert "impl/models/items.py:1: SyntaxError: " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("folder", "verb", "sentence"),
    [
        ("impl", "serve", "impl is missing here: restore it, as by `git restore impl`."),
        ("alembic", "migrate", "alembic is missing: restore it, as by `git restore alembic`."),
    ],
)
def test_a_project_without_one_of_its_folders_is_named(
    tmp_path: Path, server: Address, folder: str, verb: str, sentence: str
) -> None:
    project = copied(tmp_path)
    shutil.rmtree(project / folder)

    done = charter_in(project, verb, **naming(server))

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


TABLE = """
class Reading(Base):
    __tablename__ = "readings"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    words: Mapped[str] = mapped_column(Text)
    measure: Mapped[float] = mapped_column(Double)
    taken: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    good: Mapped[bool] = mapped_column(Boolean)
    count: Mapped[int] = mapped_column(Integer)
"""
RETYPED = {
    "words: Mapped[str] = mapped_column(Text)": "words: Mapped[Any] = mapped_column(JSONB)",
    "Mapped[float] = mapped_column(Double)": "Mapped[int] = mapped_column(BigInteger)",
    "Mapped[datetime] = mapped_column(DateTime(timezone=True))": (
        "Mapped[date] = mapped_column(Date)"
    ),
    "Mapped[bool] = mapped_column(Boolean)": "Mapped[int] = mapped_column(WholeNumber)",
    "count: Mapped[int] = mapped_column(Integer)": (
        "count: Mapped[int] = mapped_column(BigInteger)"
    ),
}
READINGS = """
from datetime import date
from sqlalchemy import BigInteger, Date, DateTime, Double
from impl.db.base import Base
"""
READING = """
INSERT INTO readings VALUES (1, 'say "abc"', 2.5, '2026-01-02 03:04:05Z', true, 4)
"""


def test_a_column_of_another_type_keeps_its_values_or_is_remarked(
    tmp_path: Path, server: Address, database: Address
) -> None:
    folder = copied(tmp_path)
    model = folder / "impl" / "models" / "items.py"
    model.write_text(f"{IMPORTS}{READINGS}{model.read_text()}{TABLE}")
    assert charter_in(folder, "migrate", "--new", "first", **naming(server)).returncode == 0
    before = re.findall(r'revision: str = "(\w+)"', written_as(folder, "first"))[0]
    text = model.read_text()
    for old, new in RETYPED.items():
        text = text.replace(old, new)
    model.write_text(text)

    assert charter_in(folder, "migrate", "--new", "second", **naming(server)).returncode == 0

    upgrade, _, downgrade = written_as(folder, "second").partition("def downgrade")
    remark = "# This may change values of the rows that are there: see that it suits {}."
    assert remark.format("measure") in upgrade
    assert remark.format("taken") in upgrade
    assert remark.format("count") not in upgrade + downgrade
    assert remark.format("taken") not in downgrade
    where = naming(database)
    assert charter_in(folder, "migrate", before, **where).returncode == 0
    asyncio.run(databases.execute(database, READING))
    done = charter_in(folder, "migrate", **where)
    assert done.returncode == 0, done.stderr
    assert asyncio.run(databases.execute(database, "SELECT good FROM readings")) == 1
    undone = charter_in(folder, "migrate", before, "--down", **where)
    assert undone.returncode == 0, undone.stderr
    assert asyncio.run(databases.execute(database, "SELECT words FROM readings")) == 'say "abc"'
    assert asyncio.run(databases.execute(database, "SELECT good FROM readings")) is True


@pytest.mark.parametrize(
    ("old", "new", "is_remarked"),
    [
        (sa.BigInteger(), sa.Numeric(), False),
        (sa.Integer(), sa.BigInteger(), False),
        (sa.BigInteger(), sa.Double(), True),
        (sa.Numeric(), sa.BigInteger(), True),
        (sa.Numeric(10, 4), sa.Numeric(10, 2), True),
        (sa.Numeric(10, 2), sa.Numeric(12, 2), False),
        (sa.Double(), sa.Numeric(), True),
        (sa.REAL(), sa.Double(), False),
        (sa.Double(), sa.REAL(), True),
        (sa.Date(), sa.DateTime(timezone=True), False),
        (sa.DateTime(), sa.DateTime(timezone=True), True),
        (sa.Uuid(), sa.Text(), False),
    ],
)
def test_a_type_is_remarked_that_keeps_less_or_reads_otherwise(
    old: Any, new: Any, is_remarked: bool
) -> None:
    change = ops.AlterColumnOp("t", "c", existing_type=old, modify_type=new)

    assert any(isinstance(step, Remark) for step in steps(change)) is is_remarked


def written_as(folder: Path, words: str) -> str:
    (file,) = (folder / "alembic" / "versions").glob(f"*_{words}.py")
    return file.read_text()
