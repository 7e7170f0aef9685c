/** All that a client does by itself, on the shop of `shop.yaml`. */

import {
  ApiKey,
  Bearer,
  Client,
  ClientCredentials,
  Password,
  errors,
  etagOf,
  responseOf,
  type Attempt,
  type models,
} from "shop-client";

declare const process: { argv: string[]; exitCode: number };
const baseUrl = process.argv[2] ?? "";
const retry = { first: 10, longest: 50 };
const ada = new Password("ada", "secret of ada");

function assert(holds: boolean, said: string): asserts holds {
  if (!holds) throw new Error(said);
}

async function refused(work: Promise<unknown>, said: string): Promise<unknown> {
  const error = await work.then(() => undefined, (reason: unknown) => reason);
  assert(error !== undefined, `${said} was not refused`);
  return error;
}

async function all<T>(found: AsyncIterable<T>): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of found) rows.push(row);
  return rows;
}

interface Counts {
  readonly [name: string]: number;
}

async function counts(): Promise<Counts> {
  return (await (await fetch(`${baseUrl}/control/counts`)).json()) as Counts;
}

async function keys(): Promise<string[]> {
  return ((await counts()) as unknown as { keys: string[] }).keys;
}

async function expire(sessions = ""): Promise<void> {
  await fetch(`${baseUrl}/control/expire${sessions}`, { method: "POST" });
}

async function orders(): Promise<void> {
  const log: Attempt[] = [];
  const auth = [ada, new ApiKey("open sesame")];
  const client = new Client({ baseUrl, auth, retry, log: (attempt) => log.push(attempt) });
  const order = await client.orders.create({ what: "tea", note: "mild", class: "first" });
  assert(order.what === "tea" && order.note === "mild" && order.class === "first", "create");
  assert(responseOf(order).status === 201, "its response is known");

  // what is absent is not sent, null is
  let changed = await client.orders.update(order.id, { note: "hot" }, { ifMatch: order });
  assert(changed.what === "tea", "update");
  changed = await client.orders.update(order.id, { note: null }, { ifMatch: changed });
  assert(changed.note === null, "null");
  const late = await refused(client.orders.update(order.id, { note: "late" }, { ifMatch: order }), "an old version");
  assert(late instanceof errors.PreconditionFailed, String(late));
  assert(late.body.detail === late.detail && late.detail === "The order has changed.", late.detail);

  // what has not changed is not sent again
  const read = await client.orders.get(order.id);
  assert((await client.orders.get(order.id, { ifNoneMatch: read })) === read, "it was sent again");
  const same = await refused(client.orders.get(order.id, { ifNoneMatch: etagOf(read) }), "the same");
  assert(same instanceof errors.NotModified, String(same));

  // a class for the status and for the problem type
  const moon = await refused(client.orders.create({ what: "moon" }), "the moon");
  assert(moon instanceof errors.SoldOut, "the type");
  assert(moon instanceof errors.Conflict && moon instanceof errors.ClientError, "the status");
  assert(!(moon instanceof errors.NotFound) && !(moon instanceof errors.ServerError), "no other");
  assert(moon.name === "SoldOut", moon.name);

  // the answer gets lost, and the order is made once
  await client.orders.create({ what: "luck" });
  const sent = await keys();
  assert(sent.at(-1) === sent.at(-2) && sent.at(-2) !== sent.at(-3), "a retry has the first key");
  await client.orders.create({ what: "cake" }, { idempotencyKey: "mine" });
  assert((await keys()).at(-1) === "mine", "its own key");

  // what can't be repeated is not
  const lost = await refused(client.orders.cancel(order.id), "a cut connection");
  assert(lost instanceof errors.ConnectionFailed, String(lost));
  assert((await counts())["cancel"] === 1, "a cancellation was repeated");

  const everything = await all(client.orders.listAll({ limit: 2 }));
  assert(everything.map((one) => one.what).join() === "tea,luck,cake", "pages");

  await client.orders.list({ xDebugToken: "hush", accessToken: "hush" });
  const shown = JSON.stringify(log);
  for (const secret of ["secret of ada", "access-", "refresh-1", "open", "hush", "mine"]) {
    assert(!shown.includes(secret), `${secret} was logged`);
  }
  assert(log.some((one) => one.number === 2 && one.status === 201), "the second attempt was logged");
  assert(!JSON.stringify(client).includes("secret") && !String(ada).includes("secret"), "secrets");

  const stranger = await refused(new Client({ baseUrl, auth: new Bearer("x") }).orders.list(), "x");
  assert(stranger instanceof errors.ApiError && stranger.status === 401, String(stranger));
  const wrong = new Client({ baseUrl, auth: new Password("ada", "wrong") });
  const denied = await refused(wrong.orders.list(), "a wrong password");
  assert(denied instanceof errors.ClientError && denied.detail === "Refused", String(denied));
  const robot = new Client({ baseUrl, auth: new ClientCredentials("robot", "secret") });
  assert((await robot.orders.list({ limit: 1 })).length === 1, "the robot");
}

async function trouble(): Promise<void> {
  const client = new Client({ baseUrl, retry, timeout: 10_000 });
  for (const [how, least] of [["retry-after", 1000], ["date", 500], ["quota", 1000], ["cut", 0]] as const) {
    const before = performance.now();
    const { attempt } = await client.orders.getUnsteady({ how });
    assert(attempt === 2 && performance.now() - before >= least - 5, how);
  }
  const slow = await client.orders.getUnsteady({ how: "slow" }, { timeout: 200 });
  assert(slow.attempt === 2, "slow");
  const long = await refused(client.orders.getUnsteady({ how: "long" }), "a day");
  assert(long instanceof errors.ServiceUnavailable && (await counts())["long"] === 1, "a day");
  const html = await refused(client.orders.getUnsteady({ how: "html" }), "a page");
  assert(html instanceof errors.ServerError && html.body === null, "a page");
}

async function files(): Promise<void> {
  const client = new Client({ baseUrl });
  const file = new File(["abc"], "a.txt", { type: "text/plain" });
  const got = await client.files.upload({ file, label: "café", more: ["x", "y"], about: { pages: 3 } });
  assert(got.size === 3 && got.name === "a.txt", JSON.stringify(got));
  const said = { label: ["café"], more: ["x", "y"], about: ['{"pages":3}'] };
  assert(JSON.stringify(got.fields) === JSON.stringify(said), JSON.stringify(got.fields));
  const raw = await client.files.putRaw(new Uint8Array(100_000).fill(7));
  assert(raw.size === 100_000 && raw.media_type === "application/octet-stream", "raw");
  const blob = await client.files.download();
  assert(blob.size === 100_000, "download");
  let size = 0;
  for await (const chunk of client.files.downloadStream()) size += chunk.length;
  assert(size === 100_000, "stream");
}

async function feeds(): Promise<void> {
  const client = new Client({ baseUrl });
  const events = await all(client.feed.watchEvents());
  assert(events.map((one) => `${one.id} ${one.event} ${one.data.id}`).join() === "1 order 1,2 message 2", "events");
  const [first, second] = events;
  assert(second?.data.what === "café \u2028 bar", "text");
  const payment: models.Card | models.Invoice | undefined = first?.data.payment;
  assert(payment !== undefined && "last_digits" in payment, "payment");
  const lines = await all(client.feed.exportLines());
  assert(lines.map((one) => one.what).join() === "tea,a\u2028b", "lines");
  for await (const _ of client.feed.watchEvents()) break; // the connection is given back
}

/** 20 calls at once with one token that has expired: one refresh, or one log-in. */
async function together(): Promise<void> {
  const client = new Client({ baseUrl, auth: ada, retry });
  await client.orders.create({ what: "async" });
  for (const [sessions, renewals] of [["", "0,1"], ["?sessions=true", "1,1"]] as const) {
    const before = await counts();
    await expire(sessions);
    const pages = await Promise.all(Array.from({ length: 20 }, () => client.orders.list({ limit: 1 })));
    assert(pages.every((page) => page.length === 1), "pages");
    const after = await counts();
    const made = ["password", "refresh_token"].map((one) => (after[one] ?? 0) - (before[one] ?? 0));
    assert(made.join() === renewals, `${sessions} ${made.join()}`);
  }
  const rows: string[] = [];
  for await (const row of client.orders.listAll({ limit: 1 })) {
    rows.push(row.what);
    await expire(); // in the middle of it
  }
  assert(rows.at(-1) === "async", "the end");

  const control = new AbortController();
  setTimeout(() => control.abort(), 100);
  const started = performance.now();
  const signal = control.signal;
  const waits = client.orders.getUnsteady({ how: "slow-again" }, { signal });
  const cancelled = await refused(waits, "a cancelled call");
  assert(cancelled === signal.reason && performance.now() - started < 3000, String(cancelled));
  const gone = await refused(client.orders.list({}, { signal: AbortSignal.abort() }), "an aborted call");
  assert(gone instanceof DOMException && gone.name === "AbortError", String(gone));
}

async function main(): Promise<void> {
  for (const part of [orders, files, feeds, trouble, together]) await part();
  console.log("the journey ended well");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
