// Keeps the overview as it is now, without moving what somebody looks at.

import { follow } from "./live.js";

const PAGE = "/docs/overview";

async function update() {
  const response = await fetch(PAGE);
  if (!response.ok) return; // the document may be whole again in a moment
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (versionOf(document) === versionOf(fresh)) return;
  const open = new Map([...document.querySelectorAll("details")].map((one) => [one.id, one.open]));
  const focused = document.activeElement?.closest("[id]")?.id;
  document.title = fresh.title;
  for (const id of ["pages", "overview"]) {
    document.getElementById(id).replaceWith(document.adoptNode(fresh.getElementById(id)));
  }
  for (const details of document.querySelectorAll("details")) {
    details.open = open.get(details.id) ?? details.open;
  }
  const again = focused && document.getElementById(focused);
  if (again && again !== document.activeElement) {
    (again.querySelector("summary, a") ?? again).focus({ preventScroll: true });
  }
  tell();
}

function versionOf(page) {
  return page.getElementById("overview").dataset.version;
}

/** For those who hear the page; a broken document is an alert of its own. */
function tell() {
  const counts = [...document.querySelectorAll(".counts li")].map((item) => item.innerText);
  const news = document.getElementById("news");
  news.textContent = `Updated at ${new Date().toLocaleTimeString()}: ${counts.join(", ")}.`;
}

follow(update, PAGE, ""); // what was saved while the page was loaded, is looked up, too
