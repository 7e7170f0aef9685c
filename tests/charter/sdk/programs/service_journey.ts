/** What a client team does with the service of this repository. */

import { Client, Password, errors, responseOf, type Attempt } from "charter-client";

declare const process: { argv: string[] };
const [, , baseUrl = "", seconds = "1"] = process.argv;
const email = `${crypto.randomUUID()}@example.com`;
const password = "correct horse battery";

function assert(holds: boolean, said: string): asserts holds {
  if (!holds) throw new Error(said);
}

async function refused(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (reason: unknown) => reason);
}

const stranger = new Client({ baseUrl });
const user = await stranger.users.create({ email, password });
assert(responseOf(user).headers.get("location") === `/users/${user.id}`, "location");
const taken = await refused(stranger.users.create({ email, password }));
assert(taken instanceof errors.EmailTaken && taken instanceof errors.Conflict, "taken");
assert((await refused(stranger.users.getMe())) instanceof errors.Unauthorized, "anonymous");
const tokens = await stranger.auth.createToken({ grant_type: "password", username: email, password });
assert(tokens.token_type === "bearer", "token");
const wrong = new Client({ baseUrl, auth: new Password(email, "wrong horse") });
assert((await refused(wrong.users.getMe())) instanceof errors.InvalidGrant, "grant");

const sent: Attempt[] = [];
const auth = new Password(email, password);
const client = new Client({ baseUrl, auth, log: (attempt) => sent.push(attempt) });
assert((await client.users.updateMe({ full_name: "Ada" })).full_name === "Ada", "name");
assert((await client.users.updateMe({ full_name: null })).full_name === null, "null");
for (let number = 0; number < 5; number++) await client.items.create({ title: `Item ${number}` });
const titles: string[] = [];
for await (const row of client.items.listAll({ limit: 2, sort: "title" })) titles.push(row.title);
assert(titles.join() === "Item 0,Item 1,Item 2,Item 3,Item 4", titles.join());

const item = await client.items.create({ title: "Mine" }, { idempotencyKey: "one" });
const again = await refused(client.items.create({ title: "Other" }, { idempotencyKey: "one" }));
assert(again instanceof errors.IdempotencyKeyReused, String(again));
await client.items.update(item.id, { description: "new" }, { ifMatch: item });
const late = await refused(client.items.update(item.id, { title: "late" }, { ifMatch: item }));
assert(late instanceof errors.PreconditionFailed, String(late));
assert((await client.items.delete(item.id, { ifMatch: "*" })) === undefined, "nothing");
assert((await refused(client.items.get(item.id))) instanceof errors.NotFound, "gone");
const invalid = await refused(client.items.list({ limit: 1000 }));
assert(invalid instanceof errors.UnprocessableContent, String(invalid));
assert(invalid.body.errors[0]?.pointer === "/limit", "pointer");

const told: string[] = [];
for await (const { event, data } of client.items.watch()) {
  told.push(event);
  if (event === "ready") await client.items.create({ title: "Watched" });
  if (event === "created" && data.item_id !== null) await client.items.delete(data.item_id, { ifMatch: "*" });
  if (event === "deleted") break;
}
assert(told.join() === "ready,created,deleted", told.join());

// the session is ended elsewhere: 20 calls find out together, and one of them logs in
await new Client({ baseUrl, auth }).auth.deleteSessions();
sent.length = 0;
await Promise.all(Array.from({ length: 20 }, () => client.users.getMe()));
const asked = sent.filter((one) => one.url.endsWith("/auth/token")).map((one) => one.status);
assert(asked.join() === "401,200", asked.join());

// access tokens that end in the middle of a list
sent.length = 0;
for await (const _ of client.items.listAll({ limit: 2 })) {
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
}
assert(sent.filter((one) => one.url.endsWith("/auth/token")).length >= 2, "refreshes");
assert(sent.every((one) => one.status === 200), "no call has failed");
console.log("the journey ended well");
