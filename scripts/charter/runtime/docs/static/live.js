// Follows a resource of this service while somebody edits it.

/** The document that the page shows. */
export const DOCUMENT = document.body.dataset.document;

const INTERVAL = 700; // milliseconds: an edit is seen within a second

/** Call `onChange` whenever a resource changes; only a live page that is seen looks for changes.
 *
 * `known` is its validator as the page has it; null takes the first one that is seen for it.
 */
export function follow(onChange, resource = DOCUMENT, known = null) {
  if (document.body.dataset.mode !== "live") return;
  setInterval(async () => {
    if (document.hidden) return;
    const seen = await validator(resource);
    if (seen === null) return; // the service restarts; it will be back
    if (known !== null && seen !== known) onChange();
    known = seen;
  }, INTERVAL);
}

async function validator(resource) {
  try {
    const response = await fetch(resource, { method: "HEAD", cache: "no-store" });
    return response.headers.get("ETag");
  } catch {
    return null;
  }
}
