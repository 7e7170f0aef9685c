"""What is written, kept and guarded."""

import asyncio
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from charter.service.events import SecurityEvent
from generated import schemas
from generated.responses import CreateItem201, CreateUser201, GetItem200, UpdateItem200
from generated.security import Principal
from impl.core import problems
from impl.repositories.idempotency_keys import IdempotencyKeyRepository, fingerprint
from impl.services import items as rules
from impl.services.items import ItemService
from impl.services.users import UserService
from tests.contract.defects.planting import check_no_responses, defect, instead_of

Values = dict[str, Any]


def spoil(change: Callable[[Values], Values]) -> None:
    """Change what of every new and every changed item is kept."""

    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        return change(original(body, patch=patch))


def spoil_member(name: str, change: Callable[[Any], Any]) -> None:
    """Change one member of what is kept, where it was sent and isn't null."""
    spoil(
        lambda values: (
            values | {name: change(values[name])} if values.get(name) is not None else values
        )
    )


# -- values ---------------------------------------------------------------------------------------


@defect
def a_patch_is_not_kept() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        return {} if patch else original(body)


@defect
def a_created_item_is_not_saved() -> None:
    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        created = await original(self, principal, **asked)
        await self.delete_item(principal, item_id=created.body.id, if_match="*")
        return created


@defect
def a_member_of_a_new_item_is_lost() -> None:
    spoil_member("tags", lambda tags: tags[:1])


@defect
def a_time_is_an_hour_off() -> None:
    spoil_member("due_at", lambda due_at: due_at + timedelta(hours=1))


@defect
def an_offset_is_dropped() -> None:
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values = original(body, patch=patch)
        if values.get("due_at") is not None:
            values["due_at"] = body.due_at.replace(tzinfo=UTC)
        return values

    instead_of(rules, "values_of")(values_of)


@defect
def fractions_of_a_second_are_lost() -> None:
    spoil_member("due_at", lambda due_at: due_at.replace(microsecond=0))


@defect
def a_text_is_trimmed() -> None:
    spoil_member("title", lambda title: title.strip() or title)


@defect
def a_text_is_cut() -> None:
    spoil_member("description", lambda text: text[:1000])


@defect
def titles_are_in_lower_case() -> None:
    spoil_member("title", str.lower)


@defect
def a_text_is_normalised() -> None:
    spoil_member("title", lambda title: unicodedata.normalize("NFC", title))


@defect
def an_empty_text_is_no_text() -> None:
    spoil(lambda values: {name: None if one == "" else one for name, one in values.items()})


@defect
def lines_are_joined() -> None:
    spoil_member("description", lambda text: text.replace("\n", " "))


@defect
def minutes_of_an_offset_are_lost() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        offset = body.due_at.utcoffset() if values.get("due_at") is not None else timedelta()
        lost = offset % timedelta(hours=1)
        return values | {"due_at": values["due_at"] + lost} if lost else values


@defect
def a_time_after_2038_is_cut() -> None:
    latest = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)
    spoil_member("due_at", lambda due_at: min(due_at, latest))


@defect
def tags_are_added_up() -> None:
    """A patch adds its tags to those of before."""

    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        if asked["body"].tags:
            item = await self.items.get(asked["item_id"], principal.id)
            more = [tag for tag in item.tags if tag not in asked["body"].tags] if item else []
            tags = [*more, *asked["body"].tags][-10:]
            asked["body"] = asked["body"].model_copy(update={"tags": tags})
        return await original(self, principal, **asked)


@defect
def tags_are_sorted() -> None:
    spoil_member("tags", sorted)


@defect
def a_number_is_rounded() -> None:
    spoil_member("quantity", lambda number: number if number < 1000 else round(number, -2))


@defect
def a_default_is_another() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        is_left_out = "quantity" not in body.model_fields_set and not patch
        return values | {"quantity": 0} if is_left_out else values


@defect
def a_name_is_cut_at_registration() -> None:
    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        name = body.full_name
        return await original(
            self, body=body.model_copy(update={"full_name": name and name[:50]}), **rest
        )


@defect
def blanks_in_a_name_are_one_at_registration() -> None:
    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        name = body.full_name and " ".join(body.full_name.split())
        return await original(self, body=body.model_copy(update={"full_name": name}), **rest)


@defect
def a_change_of_a_profile_is_not_kept() -> None:
    @instead_of(UserService, "update_me")
    async def update_me(original: Any, self: UserService, principal: Any, *, body: Any) -> Any:
        found = await self.get_me(principal)
        return found.model_copy(update=body.model_dump(exclude_unset=True))


@defect
def a_registration_answers_what_it_does_not_keep() -> None:
    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        made = await original(self, body=body.model_copy(update={"full_name": None}), **rest)
        said = made.body.model_copy(update={"full_name": body.full_name})
        return CreateUser201(said, location=made.location)


@defect
def a_replacement_keeps_what_it_leaves_out() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        return {name: one for name, one in values.items() if one is not None or patch}


@defect
def a_patch_resets_what_it_leaves_out() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        return {"description": None} | values if patch else values


@defect
def a_null_in_a_patch_is_ignored() -> None:
    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        return {name: one for name, one in values.items() if one is not None} if patch else values


@defect
def an_empty_list_in_a_patch_is_ignored() -> None:
    """`if value:`, where `if value is not None` is meant."""

    @instead_of(rules, "values_of")
    def values_of(original: Any, body: Any, *, patch: bool = False) -> Values:
        values: Values = original(body, patch=patch)
        return {name: one for name, one in values.items() if one != []} if patch else values


@defect
def nought_is_no_number() -> None:
    spoil_member("quantity", lambda number: number or 1)


@defect
def a_name_of_ones_own_can_not_be_removed() -> None:
    @instead_of(UserService, "update_me")
    async def update_me(original: Any, self: UserService, principal: Any, *, body: Any) -> Any:
        if body.full_name is None:
            return await self.get_me(principal)
        return await original(self, principal, body=body)


@defect
def a_change_leaves_the_time_of_change() -> None:
    @instead_of(rules, "present")
    def present(original: Any, item: Any) -> schemas.Item:
        found: schemas.Item = original(item)
        return found.model_copy(update={"updated_at": found.created_at})


@defect
def a_new_item_is_an_hour_old() -> None:
    @instead_of(rules, "present")
    def present(original: Any, item: Any) -> schemas.Item:
        found: schemas.Item = original(item)
        past = timedelta(hours=1)
        times = {"created_at": found.created_at - past, "updated_at": found.updated_at - past}
        return found.model_copy(update=times)


@defect
def a_read_is_of_another_time_zone() -> None:
    """It shows when an item was created in the time of the server, as if that were UTC."""

    @instead_of(ItemService, "get_item")
    async def get_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        if not isinstance(found, GetItem200):
            return found
        created_at = found.body.created_at + timedelta(hours=2)
        return replace(found, body=found.body.model_copy(update={"created_at": created_at}))


@defect
def a_change_answers_the_time_of_before() -> None:
    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        item = await self.items.get(asked["item_id"], principal.id)
        before = item.updated_at if item is not None else None
        changed = await original(self, principal, **asked)
        body = changed.body.model_copy(update={"updated_at": before})
        return replace(changed, body=body)


@defect
def a_replacement_is_a_new_item() -> None:
    """It is of the time of its replacement."""
    replaced: dict[UUID, datetime] = {}

    @instead_of(ItemService, "replace_item")
    async def replace_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await original(self, principal, **asked)
        replaced[found.body.id] = found.body.updated_at
        body = found.body.model_copy(update={"created_at": found.body.updated_at})
        return replace(found, body=body)

    @instead_of(rules, "present")
    def present(original: Any, item: Any) -> schemas.Item:
        found: schemas.Item = original(item)
        return found.model_copy(update={"created_at": replaced.get(item.id, found.created_at)})


@defect
def a_read_is_of_before() -> None:
    """What was read once is read again for a while."""
    known: dict[UUID, tuple[float, GetItem200]] = {}

    @instead_of(ItemService, "get_item")
    async def get_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        since, before = known.get(asked["item_id"], (0.0, None))
        found = await original(self, principal, **asked)
        if time.monotonic() - since < 1:
            return before
        if isinstance(found, GetItem200):
            known[asked["item_id"]] = time.monotonic(), found
        return found


@defect
def a_change_is_made_to_all() -> None:
    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        changed = await original(self, principal, **asked)
        for row in (await items_of(self, principal)).data:
            if row.id != changed.body.id:
                await original(self, principal, item_id=row.id, if_match="*", body=asked["body"])
        return changed


@defect
def a_delete_does_not_delete() -> None:
    @instead_of(ItemService, "delete_item")
    async def delete_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> None:
        await self.get_item(principal, item_id=asked["item_id"], if_none_match=None)


@defect
def a_delete_deletes_all() -> None:
    @instead_of(ItemService, "delete_item")
    async def delete_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> None:
        await original(self, principal, **asked)
        for row in (await items_of(self, principal)).data:
            await original(self, principal, item_id=row.id, if_match="*")


async def items_of(service: ItemService, principal: Principal) -> schemas.ItemPage:
    found = await service.list_items(
        principal, limit=100, cursor=None, q=None, status=None,
        sort=schemas.ItemSort("-created_at"),
    )  # fmt: skip
    return found.body


@defect
def a_user_can_not_be_renamed_to_nothing() -> None:
    @instead_of(UserService, "update_user")
    async def update_user(original: Any, self: UserService, principal: Any, **asked: Any) -> Any:
        body = asked["body"].model_dump(exclude_unset=True, exclude_none=True)
        patch = schemas.UserPatch.model_construct(_fields_set=set(body), **body)
        return await original(self, principal, user_id=asked["user_id"], body=patch)


@defect
def a_deleted_account_stays() -> None:
    @instead_of(UserService, "delete_user")
    async def delete_user(original: Any, self: UserService, principal: Any, **asked: Any) -> None:
        await self.get_user(principal, user_id=asked["user_id"])


# -- where it is, and which version ---------------------------------------------------------------


@defect
def a_location_is_of_something_else() -> None:
    @instead_of(rules, "created")
    def created(original: Any, body: Any, etag: str) -> CreateItem201:
        return replace(original(body, etag), location=f"/items/{UUID(int=0)}")


@defect
def a_location_is_of_another_collection() -> None:
    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        made = await original(self, body=body, **rest)
        return replace(made, location=made.location.replace("/users/", "/items/"))


@defect
def an_entity_tag_is_missing() -> None:
    check_no_responses()

    @instead_of(GetItem200, "headers")
    def headers(original: Any, self: GetItem200) -> dict[str, str]:
        return {name: text for name, text in original(self).items() if name != "ETag"}


@defect
def an_entity_tag_never_changes() -> None:
    instead_of(rules, "entity_tag")(lambda original, item: '"1"')


@defect
def a_change_answers_the_tag_of_before() -> None:
    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await self.get_item(principal, item_id=asked["item_id"], if_none_match=None)
        changed = await original(self, principal, **asked)
        return UpdateItem200(changed.body, etag=found.etag)


@defect
def a_stale_change_is_accepted() -> None:
    instead_of(rules, "versions")(lambda original, if_match: None)


@defect
def a_deletion_ignores_its_tag() -> None:
    @instead_of(ItemService, "delete_item")
    async def delete_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> None:
        if_match = "*" if asked["if_match"] is not None else None
        await original(self, principal, **(asked | {"if_match": if_match}))


@defect
def a_weak_tag_guards_a_change() -> None:
    @instead_of(rules, "versions")
    def versions(original: Any, if_match: str | None) -> Any:
        return original(if_match and if_match.replace("W/", ""))


@defect
def the_second_of_two_tags_is_passed_over() -> None:
    @instead_of(rules, "is_held")
    def is_held(original: Any, if_none_match: str, version: int) -> Any:
        return original(if_none_match.partition(",")[0], version)


@defect
def the_second_of_two_tags_guards_nothing() -> None:
    @instead_of(rules, "versions")
    def versions(original: Any, if_match: str | None) -> Any:
        return original(if_match and if_match.partition(",")[0])


@defect
def two_writers_overwrite_each_other() -> None:
    @instead_of(ItemService, "update_item")
    async def update_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await self.get_item(principal, item_id=asked["item_id"], if_none_match=None)
        await asyncio.sleep(0.5)
        is_current = asked["if_match"] == found.etag
        match = "*" if is_current else asked["if_match"]
        return await original(self, principal, **(asked | {"if_match": match}))


@defect
def two_replacements_overwrite_each_other() -> None:
    @instead_of(ItemService, "replace_item")
    async def replace_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        found = await self.get_item(principal, item_id=asked["item_id"], if_none_match=None)
        await asyncio.sleep(0.5)
        is_current = asked["if_match"] == found.etag
        match = "*" if is_current else asked["if_match"]
        return await original(self, principal, **(asked | {"if_match": match}))


# -- keys -----------------------------------------------------------------------------------------


@defect
def an_idempotency_key_is_ignored() -> None:
    @instead_of(IdempotencyKeyRepository, "claim")
    async def claim(original: Any, *request: Any) -> bool:
        return True

    @instead_of(IdempotencyKeyRepository, "keep")
    async def keep(original: Any, *request: Any) -> None:
        return None


@defect
def a_key_is_good_for_any_body() -> None:
    instead_of(rules, "fingerprint")(lambda original, body: b"any")


@defect
def a_repeated_answer_is_of_today() -> None:
    """The object as it stands, not the first answer."""

    @instead_of(ItemService, "_repeat")
    async def repeat(original: Any, self: ItemService, *request: Any) -> CreateItem201:
        first = await original(self, *request)
        item = await self.items.get(first.body.id, request[0])
        if item is None:
            raise problems.NotFound("You have no such item.")
        return rules.created(rules.present(item), rules.entity_tag(item))


@defect
def a_repeated_answer_has_the_tag_of_today() -> None:
    @instead_of(ItemService, "_repeat")
    async def repeat(original: Any, self: ItemService, *request: Any) -> CreateItem201:
        first = await original(self, *request)
        item = await self.items.get(first.body.id, request[0])
        return first if item is None else replace(first, etag=rules.entity_tag(item))


@defect
def a_key_is_good_for_any_password() -> None:
    """Whoever knows the address and the key gets the first answer to a registration."""

    @instead_of(UserService, "_is_known_by")
    async def is_known_by(
        original: Any, self: UserService, user: Any, password: str, account: str, refused: Any
    ) -> bool:
        is_repeated = refused is SecurityEvent.LOGIN_FAILED
        return is_repeated or await original(self, user, password, account, refused)


@defect
def a_key_forgets_a_member_of_the_body() -> None:
    @instead_of(rules, "fingerprint")
    def fingerprint(original: Any, body: Any) -> bytes:
        found: bytes = original(body, "tags")
        return found


@defect
def the_same_body_is_the_same_request() -> None:
    """Whatever the key: the second of two like ones is taken for a repetition."""
    made: dict[tuple[Any, str], CreateItem201] = {}

    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        place = principal.id, asked["body"].model_dump_json()
        if asked["idempotency_key"] is None or place not in made:
            made[place] = await original(self, principal, **asked)
        return made[place]


@defect
def two_requests_with_one_key_are_two() -> None:
    """Both look for the key before either has kept it."""

    @instead_of(ItemService, "create_item")
    async def create_item(original: Any, self: ItemService, principal: Any, **asked: Any) -> Any:
        key = asked["idempotency_key"]
        if key is None:
            return await original(self, principal, **asked)
        request = principal.id, "createItem", key, fingerprint(asked["body"])
        if await self.keys.answer(*request) is None:
            await asyncio.sleep(0.5)
            if await self.keys.answer(*request) is not None:
                asked["idempotency_key"] = None
        return await original(self, principal, **asked)


@defect
def two_registrations_at_once_are_an_error() -> None:
    """Whether an address is taken is asked before it is taken."""

    @instead_of(UserService, "create_user")
    async def create_user(original: Any, self: UserService, *, body: Any, **rest: Any) -> Any:
        is_taken = await self.users.by_email(body.email) is not None
        try:
            return await original(self, body=body, **rest)
        except problems.EmailTaken as error:
            if is_taken:
                raise
            raise RuntimeError("the address was taken meanwhile") from error
