/** Creates items where every connection is cut: none is missing, and none is there twice. */

import { Client, Password, type Attempt } from "charter-client";

declare const process: { argv: string[] };
const [, , service = "", cut = "", number = "0"] = process.argv;

const email = `${crypto.randomUUID()}@example.com`;
const password = "correct horse battery";
const auth = new Password(email, password);
const steady = new Client({ baseUrl: service, auth });
await steady.users.create({ email, password });

const attempts: Attempt[] = [];
const retry = { attempts: 30, first: 10, longest: 50 };
const client = new Client({ baseUrl: cut, auth, retry, log: (one) => attempts.push(one) });
const titles = Array.from({ length: Number(number) }, (_, index) => `Item ${index}`);
const waiting = [...titles];
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (let title = waiting.pop(); title !== undefined; title = waiting.pop()) {
      await client.items.create({ title });
    }
  }),
);

const made: string[] = [];
for await (const item of steady.items.listAll({ limit: 100 })) made.push(item.title);
if (made.length !== titles.length || new Set(made).size !== titles.length) {
  throw new Error(`${made.length} items, ${new Set(made).size} different ones`);
}
console.log(attempts.filter((one) => one.status === undefined).length);
