// Follows the document while somebody edits it.

export const DOCUMENT = "/openapi.yaml";

const INTERVAL = 700; // milliseconds: an edit is seen within a second

/** Call `onChange` whenever the document changes; only a live page looks for changes. */
export function follow(onChange) {
  if (document.body.dataset.mode !== "live") return;
  let known = null;
  setInterval(async () => {
    const seen = await validator();
    if (seen === null) return; // the service restarts; it will be back
    if (known !== null && seen !== known) onChange();
    known = seen;
  }, INTERVAL);
}

async function validator() {
  try {
    const response = await fetch(DOCUMENT, { method: "HEAD", cache: "no-store" });
    return response.headers.get("ETag");
  } catch {
    return null;
  }
}
