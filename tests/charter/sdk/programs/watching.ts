/** Watches until the service ends, and goes on there once a line of standard input says that it is back. */

import { Client, Password, errors } from "charter-client";

declare const process: { argv: string[]; stdin: { once(event: "data", listener: () => void): void } };
const [, , baseUrl = ""] = process.argv;
const email = `${crypto.randomUUID()}@example.com`;
const password = "correct horse battery";
await new Client({ baseUrl }).users.create({ email, password });
const client = new Client({ baseUrl, auth: new Password(email, password) });
let last: string | undefined;

async function watchUntil(title: string): Promise<void> {
  try {
    for await (const { event, id, data } of client.items.watch({ lastEventId: last })) {
      console.log(event, data.item?.title ?? (id === last ? "again" : "anew"));
      last = id;
      if (event === "ready" && title === "") await client.items.create({ title: "Watched" });
      if (data.item?.title === title) return;
    }
  } catch (error) {
    if (!(error instanceof errors.ConnectionFailed)) throw error;
  }
}

const isBack = new Promise<void>((resolve) => process.stdin.once("data", resolve));
await watchUntil("");
await isBack;
await client.items.create({ title: "Meanwhile" });
await watchUntil("Meanwhile");
