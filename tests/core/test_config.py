"""Settings: where they come from, what is refused, and what never shows."""

import re
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex, token_urlsafe
from uuid import uuid4

import pytest

from charter.service import ConfigurationError
from impl.__main__ import main
from impl.core import config
from impl.core.config import Environment, Settings
from impl.db.engine import create_engine
from tests.charter.command_line import charter

ROOT = Path(__file__).parents[2]

STRONG = "Zk3-9fW.q7Lx_Vb2+Rt8/Ym4=Hd6;Pn1"
PRODUCTION = {"ENVIRONMENT": "production", "JWT_SECRET": STRONG, "DB_HOST": "127.0.0.1"}


def uuid_pair() -> str:
    return f"{uuid4()}{uuid4()}"


UNFIT = {
    "secret missing": ({"JWT_SECRET": ""}, "JWT_SECRET is missing"),
    "secret short": ({"JWT_SECRET": STRONG[:31]}, "JWT_SECRET is shorter than 32 bytes"),
    "second secret short": ({"JWT_SECRET": f"{STRONG},tiny"}, "JWT_SECRET is shorter"),
    "secret of an example": (
        {"JWT_SECRET": "changeme-" * 5 + STRONG},
        "JWT_SECRET is a well-known",
    ),
    "secret says secret": ({"JWT_SECRET": "my-Secret-0123456789-abcdefghijkl"}, "well-known"),
    "secret of one letter": ({"JWT_SECRET": "a" * 64}, "low-entropy"),
    "secret that repeats": ({"JWT_SECRET": "abc" * 20}, "low-entropy"),
    "secret that repeats ten letters": ({"JWT_SECRET": "abcdefghij" * 4}, "low-entropy"),
    "secret that counts": (
        {"JWT_SECRET": "abcdefghijklmnopqrstuvwxyz0123456789"},
        "low-entropy",
    ),
    "secret of a row of keys": ({"JWT_SECRET": "QwertyuiopAsdfghjklZxcvbnm123456"}, "well-known"),
    "the origin of everybody": ({"CORS_ORIGINS": "null"}, "CORS_ORIGINS holds `null`"),
    "an origin with a path": ({"CORS_ORIGINS": "https://a.example/x"}, "CORS_ORIGINS holds"),
    "database of a network without TLS": ({"DB_HOST": "db"}, "DB_PLAINTEXT_HOSTS"),
    "another host than the named one": (
        {"DB_HOST": "db,elsewhere", "DB_PLAINTEXT_HOSTS": "db"},
        "towards elsewhere",
    ),
    "debug on": ({"DEBUG": "true"}, "DEBUG is on"),
    "any origin": ({"CORS_ORIGINS": "*"}, "CORS_ORIGINS is `*`"),
    "one of the origins is any": ({"CORS_ORIGINS": "https://a.example,*"}, "CORS_ORIGINS"),
    "database without TLS": (
        {"DB_HOST": "db.example.com", "DB_SSLMODE": "disable"},
        "DB_SSLMODE is `disable`",
    ),
    "database with TLS if it likes": ({"DB_HOST": "db.example.com"}, "DB_SSLMODE is `prefer`"),
    "one of the databases without TLS": (
        {"DB_HOST": "127.0.0.1,db.example.com"},
        "DB_SSLMODE is `prefer`",
    ),
    "any proxy": ({"TRUSTED_PROXIES": "*"}, "TRUSTED_PROXIES is `*`"),
    "a proxy without an address": ({"TRUSTED_PROXIES": "balancer"}, "TRUSTED_PROXIES: `balancer`"),
    "cheap hashes": ({"BCRYPT_ROUNDS": "11"}, "BCRYPT_ROUNDS is below 12"),
}


def set_environment(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("environment", "expected"), UNFIT.values(), ids=UNFIT)
def test_cfg_1_production_is_refused_with_one_line(
    environment: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_environment(monkeypatch, **PRODUCTION | environment)
    monkeypatch.chdir(tmp_path)  # where there is no .env

    code = main(["serve"])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert re.fullmatch(r"charter: .*\n", said.err), said.err
    assert expected in said.err
    for secret in filter(None, environment.get("JWT_SECRET", "").split(",")):
        assert secret not in said.err


def test_cfg_1_charter_serve_refuses_it_in_the_same_words() -> None:
    done = charter("serve", **PRODUCTION | {"DEBUG": "true"})

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"charter: DEBUG is on.*\n", done.stderr), done.stderr


def test_cfg_1_production_with_fit_settings_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, **PRODUCTION)

    assert config.load().production


def test_cfg_1_a_network_of_our_own_is_named_to_be_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts = {"DB_HOST": "db, other, 127.0.0.1", "DB_PLAINTEXT_HOSTS": "db,other"}
    set_environment(monkeypatch, **PRODUCTION | hosts)

    assert config.load().production


@pytest.mark.parametrize("made", [lambda: token_hex(32), lambda: token_urlsafe(48), uuid_pair])
def test_cfg_1_no_secret_that_is_random_is_refused(made: Callable[[], str]) -> None:
    refused = [secret for secret in (made() for _ in range(500)) if config.is_guessable(secret)]

    assert refused == []


def test_http_9_production_speaks_of_https_and_of_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(monkeypatch, **PRODUCTION)
    production = config.load()
    development = production.model_copy(update={"environment": Environment.DEVELOPMENT})

    assert production.strict_transport_seconds >= 31_536_000
    assert not production.serves_docs
    assert not production.serves_openapi
    assert production.model_copy(update={"docs": True}).serves_openapi
    assert production.model_copy(update={"openapi": True}).serves_openapi
    assert development.strict_transport_seconds == 0
    assert development.serves_openapi


def test_cfg_1_no_secret_is_made_up_in_production(tmp_path: Path) -> None:
    charter("serve", ENVIRONMENT="production", DATA_DIR=str(tmp_path))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("ENVIRONMENT", "staging"),
        ("BCRYPT_ROUNDS", "3"),
        ("DB_POOL_TIMEOUT_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, JWT_SECRET=STRONG, **{name: value})

    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        config.load()


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"JWT_SECRET={STRONG}\nPORT=1111\nHOST=127.0.0.2\n")
    set_environment(monkeypatch, PORT="2222")
    monkeypatch.chdir(tmp_path)

    settings = config.load()

    assert (settings.host, settings.port) == ("127.0.0.2", 2222)


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, JWT_SECRET=STRONG, PORT="", DB_HOST="")

    assert "db_host" not in config.load().model_fields_set
    assert config.load().port == 8000


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(
        monkeypatch, JWT_SECRET=f"{STRONG}, {STRONG[::-1]}", CORS_ORIGINS="https://a, https://b,"
    )

    settings = config.load()

    assert settings.jwt_secrets == (STRONG, STRONG[::-1])
    assert settings.cors_origins == ("https://a", "https://b")


async def test_log_3_no_secret_shows_in_the_text_of_settings_and_engine() -> None:
    secrets = ("db-password-canary", f"jwt-canary-{STRONG}", "metrics-canary")
    settings = config.load(
        _env_file=None, db_password=secrets[0], jwt_secret=secrets[1], metrics_token=secrets[2]
    )
    engine = create_engine(settings)

    texts = (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        repr(engine),
        str(engine.url),
    )
    await engine.dispose()

    assert not [secret for secret in secrets for text in texts if secret in text]


def test_log_3_no_secret_shows_in_the_error_about_it() -> None:
    with pytest.raises(ConfigurationError) as refused:
        config.load(_env_file=None, jwt_secret="canary-too-short")

    assert "canary" not in f"{refused.value!r} {refused.value} {refused.value.__context__!r}"


def test_the_example_file_names_every_setting_with_a_sentence() -> None:
    blocks = (ROOT / ".env.example").read_text().split("\n\n")
    entries = [found for block in blocks if (found := EXAMPLE_ENTRY.fullmatch(block.rstrip()))]

    assert [entry["name"].lower() for entry in entries] == list(Settings.model_fields)


EXAMPLE_ENTRY = re.compile(r"(?:# .+\n)*# .+\.\n#(?P<name>[A-Z_]+)=(?P<default>\S*)")


def test_the_example_file_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, JWT_SECRET=STRONG)
    uncommented = re.sub(r"^#(?=[A-Z_]+=.)", "", (ROOT / ".env.example").read_text(), flags=re.M)
    shown = dict(re.findall(r"^([A-Z_]+)=(.+)$", uncommented, flags=re.MULTILINE))
    defaults = config.load(_env_file=None)

    assert config.load(_env_file=None, **{k.lower(): v for k, v in shown.items()}) == defaults
    assert len(shown) > 30
