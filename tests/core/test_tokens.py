"""The boundaries of what tokens are read, against a clock that stands still."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from annotated_types import Le

from impl.core.config import Settings
from impl.core.problems import InvalidToken
from impl.core.tokens import AccessTokens, RefreshClaims, RefreshTokens, encode_base64url
from tests.forgery import Forge, base64url, from_base64url, header_of
from tests.people import changed

KEY = b"the key of these tests, 32 bytes and more"
OTHER = b"another key for tests, 32 bytes and more"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEEWAY = 10
LIFETIME = 900

USER = UUID("7d6f0c4e-5a0b-4e0e-8d56-3c1f8a7b2d90")
SESSION = UUID("0c5f2d1e-6b1a-4a3c-9b53-0d0f3f6a1e11")


@pytest.fixture
def at(settings: Settings) -> Callable[[int], AccessTokens]:
    """The tokens of a service whose clock stands so many seconds after noon."""
    return lambda seconds: AccessTokens(
        changed(settings, jwt_leeway_seconds=LEEWAY, access_token_seconds=LIFETIME),
        [KEY],
        lambda: NOON + timedelta(seconds=seconds),
    )


@pytest.fixture
def forge(at: Callable[[int], AccessTokens]) -> Forge:
    return Forge.like(at(0).issue(USER, SESSION), KEY)


def is_read(tokens: AccessTokens, token: str) -> bool:
    try:
        claims = tokens.read(token)
    except InvalidToken:
        return False
    assert (claims.user_id, claims.session_id) == (USER, SESSION)
    return True


# -- JWT-12 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [
        (-LEEWAY - 1, False),
        (-LEEWAY, True),
        (0, True),
        (LIFETIME, True),
        (LIFETIME + LEEWAY - 1, True),
        (LIFETIME + LEEWAY, False),
        (LIFETIME + LEEWAY + 1, False),
    ],
)
def test_jwt_12_a_token_counts_from_its_issue_to_its_end_give_or_take_the_leeway(
    at: Callable[[int], AccessTokens], seconds: int, accepted: bool
) -> None:
    token = at(0).issue(USER, SESSION)

    assert is_read(at(seconds), token) is accepted


@pytest.mark.parametrize(
    ("after_issue", "accepted"), [(-60, True), (LEEWAY, True), (LEEWAY + 1, False)]
)
def test_jwt_12_a_token_does_not_count_before_it_says(
    at: Callable[[int], AccessTokens], forge: Forge, after_issue: int, accepted: bool
) -> None:
    token = forge.with_claims(nbf=forge.claims["iat"] + after_issue).token()

    assert is_read(at(0), token) is accepted


@pytest.mark.parametrize(
    ("lifetime", "accepted"),
    [(1, True), (LIFETIME, True), (LIFETIME + 1, False), (0, False), (-1, False), (10**400, False)],
    ids=["one second", "ours", "a second longer", "none", "backwards", "for ever"],
)
def test_jwt_12_no_token_lives_longer_than_ours_do(
    at: Callable[[int], AccessTokens], forge: Forge, lifetime: int, accepted: bool
) -> None:
    token = forge.with_claims(exp=forge.claims["iat"] + lifetime).token()

    assert is_read(at(0), token) is accepted


def test_jwt_12_a_token_that_was_verified_before_expires_all_the_same(settings: Settings) -> None:
    clock = [NOON]
    tokens = AccessTokens(
        changed(settings, jwt_leeway_seconds=LEEWAY, access_token_seconds=LIFETIME),
        [KEY],
        lambda: clock[0],
    )
    token = tokens.issue(USER, SESSION)
    assert is_read(tokens, token)
    assert is_read(tokens, token)
    assert tokens.verified.cache_info().hits == 1

    clock[0] += timedelta(seconds=LIFETIME + LEEWAY)

    assert not is_read(tokens, token)


def test_jwt_12_what_was_refused_before_is_refused_again_and_not_remembered(
    at: Callable[[int], AccessTokens], forge: Forge
) -> None:
    tokens, forged = at(0), Forge(OTHER, forge.header, forge.claims).token()

    assert [is_read(tokens, forged) for _ in range(2)] == [False, False]
    assert tokens.verified.cache_info().currsize == 0


def test_jwt_12_the_leeway_is_a_minute_at_most() -> None:
    rules = Settings.model_fields["jwt_leeway_seconds"].metadata
    (limit,) = (rule.le for rule in rules if isinstance(rule, Le))

    assert isinstance(limit, int)
    assert limit <= 60


# -- JWT-7 ----------------------------------------------------------------------------------------

TOUCHES_THE_WORLD = ("open", "socket.", "os.", "subprocess.", "urllib.", "sqlite3.", "import")


class Watch:
    """Sees what the interpreter is asked to do outside of itself. A hook stays until the end."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        sys.addaudithook(self.hook)

    def hook(self, name: str, arguments: object) -> None:
        if self.seen is not None and name.startswith(TOUCHES_THE_WORLD):
            self.seen.append(name)

    def during(self, work: Callable[[], object]) -> list[str]:
        seen: list[str] = []
        self.seen = seen
        try:
            work()
        finally:
            self.seen = None
        return seen


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(
    "key_id",
    ["../../../../dev/null", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:9/", "' OR 1"],
)
def test_jwt_7_a_key_id_opens_no_file_and_no_connection(
    at: Callable[[int], AccessTokens], forge: Forge, watch: Watch, key_id: str
) -> None:
    tokens = at(0)
    assert not is_read(tokens, forge.with_header(kid=key_id).token())  # imports are done now

    seen = watch.during(lambda: is_read(tokens, forge.with_header(kid=key_id).token()))

    assert seen == []


def test_jwt_7_the_watch_sees_a_file_that_is_opened(watch: Watch) -> None:
    seen = watch.during(lambda: open("/dev/null").close())  # noqa: PTH123

    assert seen == ["open"]


# -- JWT-15 ---------------------------------------------------------------------------------------


def test_jwt_15_the_first_key_signs_and_all_verify(settings: Settings) -> None:
    old = AccessTokens(settings, [OTHER], lambda: NOON)
    both = AccessTokens(settings, [KEY, OTHER], lambda: NOON)
    new = AccessTokens(settings, [KEY], lambda: NOON)

    token = both.issue(USER, SESSION)

    assert is_read(both, token)
    assert is_read(new, token)
    assert not is_read(old, token)
    assert is_read(both, old.issue(USER, SESSION))
    assert not is_read(new, old.issue(USER, SESSION))


def test_jwt_15_a_token_is_verified_with_the_key_that_it_names(settings: Settings) -> None:
    both = AccessTokens(settings, [KEY, OTHER], lambda: NOON)
    forge = Forge.like(both.issue(USER, SESSION), OTHER)

    assert not is_read(both, forge.token())


# -- JWT-16 ---------------------------------------------------------------------------------------


def test_jwt_16_the_name_of_a_key_is_no_part_of_it(at: Callable[[int], AccessTokens]) -> None:
    name = header_of(at(0).issue(USER, SESSION))["kid"]

    assert len(name) == 12
    assert name.encode() not in KEY
    assert bytes.fromhex(name) not in KEY


# -- JWT-17 ---------------------------------------------------------------------------------------

HUGE: dict[str, Callable[[Forge], str]] = {
    "1 MB": lambda forge: forge.token() + "A" * 1_000_000,
    "1 MB of dots": lambda forge: "." * 1_000_000,
    "1 MB of blanks": lambda forge: " " * 1_000_000,
    "1 MB of claims": lambda forge: forge.with_claims(extra="a" * 1_000_000).token(),
    "10 000 deep claims": lambda forge: forge.raw(json.dumps(dict(forge.header)), "[" * 10_000),
    "10 000 deep header": lambda forge: forge.raw("[" * 10_000, "{}"),
    "deep, within the limit": lambda forge: forge.raw('{"alg":' + "[" * 1400, "{}"),
    "many digits, within the limit": lambda forge: forge.raw("1" * 1400, "{}"),
}


@pytest.mark.parametrize("forgery", HUGE.values(), ids=HUGE)
def test_jwt_17_what_is_huge_is_refused_at_once(
    at: Callable[[int], AccessTokens], forge: Forge, forgery: Callable[[Forge], str]
) -> None:
    tokens, token = at(0), forgery(forge)
    seconds = []

    for _ in range(3):
        started = time.perf_counter()
        assert not is_read(tokens, token)
        seconds.append(time.perf_counter() - started)

    assert min(seconds) < 0.05  # the best of three: a busy machine is not what is measured


def test_jwt_17_one_token_has_one_spelling(at: Callable[[int], AccessTokens], forge: Forge) -> None:
    """No character can be changed, added or left out anywhere."""
    tokens, token = at(0), forge.token()

    for place in range(len(token)):
        for other in ("", "A", "_", "=", " ", ".", token[place] * 2):
            spelling = token[:place] + other + token[place + 1 :]
            assert spelling == token or not is_read(tokens, spelling)


# -- REF-7 ----------------------------------------------------------------------------------------


def test_ref_7_a_refresh_token_is_protected_by_256_bits() -> None:
    token = RefreshTokens([KEY]).issue(SESSION, 3)

    identity, mac = from_base64url(token)[:24], from_base64url(token)[24:]

    assert identity == SESSION.bytes + (3).to_bytes(8, "big")
    assert len(mac) * 8 == 256


def test_ref_7_no_bit_of_a_refresh_token_can_be_changed() -> None:
    tokens = RefreshTokens([KEY])
    content = from_base64url(tokens.issue(SESSION, 3))

    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        assert tokens.read(base64url(bytes(flipped))) is None


def test_ref_7_a_refresh_token_says_what_it_is_good_for_to_us_alone() -> None:
    token = RefreshTokens([KEY]).issue(SESSION, 3)

    assert RefreshTokens([KEY]).read(token) == RefreshClaims(SESSION, 3)
    assert RefreshTokens([OTHER, KEY]).read(token) == RefreshClaims(SESSION, 3)
    assert RefreshTokens([OTHER]).read(token) is None


def test_ref_7_refresh_tokens_are_not_made_with_the_key_of_access_tokens() -> None:
    content = SESSION.bytes + (3).to_bytes(8, "big")

    forged = Forge(KEY, {}, {}).signature(content.decode("latin-1"))

    assert RefreshTokens([KEY]).read(base64url(content + from_base64url(forged))) is None


@pytest.mark.parametrize(
    "token", ["", "a", "====", "é", "\x00", "A" * 74, "A" * 75, "A" * 76, "A" * 512, "\ud800"],
    ids=ascii,
)  # fmt: skip
def test_ref_8_what_is_no_refresh_token_says_nothing(token: str) -> None:
    assert RefreshTokens([KEY]).read(token) is None


@pytest.mark.parametrize("suffix", ["=", "==", " ", "\n", "A", "."])
def test_ref_8_a_refresh_token_has_one_spelling(suffix: str) -> None:
    tokens = RefreshTokens([KEY])

    assert tokens.read(tokens.issue(uuid4(), 0) + suffix) is None


def test_base64url_is_the_inverse_of_what_the_forge_reads() -> None:
    for length in range(8):
        assert from_base64url(encode_base64url(bytes(range(length)))) == bytes(range(length))
