/** What a client team does with the mock of a service that is not there yet. */

import { Client, Password, errors, type Attempt } from "charter-client";

declare const process: { argv: string[] };
const [, , baseUrl = ""] = process.argv;

function assert(holds: boolean, said: string): asserts holds {
  if (!holds) throw new Error(said);
}

async function refused(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, (reason: unknown) => reason);
}

const sent: Attempt[] = [];
const auth = new Password("ada@example.com", "correct horse battery");
const client = new Client({ baseUrl, auth, log: (attempt) => sent.push(attempt) });
const titles: string[] = [];
for await (const row of client.items.listAll({ limit: 1, sort: "title" })) titles.push(row.title);
assert(titles.join() === "Astrolabe,Barometer,Compass", titles.join());
const archived = await client.items.list({ status: "archived" });
assert(archived.data.map((row) => row.title).join() === "Compass", "archived");
const item = await client.items.create({ title: "Dial" });
assert((await client.items.update(item.id, { quantity: 3 }, { ifMatch: "*" })).quantity === 3, "3");
await client.items.delete(item.id, { ifMatch: "*" });
assert((await refused(client.items.get(item.id))) instanceof errors.NotFound, "gone");
const stranger = new Client({ baseUrl });
assert((await refused(stranger.users.getMe())) instanceof errors.Unauthorized, "anonymous");

// the first two attempts fail, and the third one makes the item
sent.length = 0;
const busy = { headers: { Prefer: "fault=503, times=2" } };
const made = await client.items.create({ title: "Ellipsograph" }, {}, busy);
assert(sent.map((one) => one.status).join() === "503,503,201", "outage");
const lost = { headers: { Prefer: "fault=reset, times=1" } };
assert((await client.items.get(made.id, {}, lost)).title === "Ellipsograph", "reset");

// the mock forgets all tokens: 20 calls find out together, and one of them logs in
await fetch(`${baseUrl}/.charter/memory`, { method: "DELETE" });
sent.length = 0;
await Promise.all(Array.from({ length: 20 }, () => client.users.getMe()));
const asked = sent.filter((one) => one.url.endsWith("/auth/token")).map((one) => one.status);
assert(asked.join() === "400,200", asked.join());
console.log("the journey ended well");
