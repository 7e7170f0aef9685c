import { DOCUMENT, follow } from "./live.js";

const OPTIONS = {
  hideDownloadButton: true, // the bar above has it
  nativeScrollbars: true,
  scrollYOffset: ".pages",
  theme: {
    typography: {
      fontFamily: "system-ui, sans-serif",
      headings: { fontFamily: "system-ui, sans-serif" },
      code: { fontFamily: "ui-monospace, monospace" },
    },
  },
};

function render() {
  window.Redoc.init(DOCUMENT, OPTIONS, document.getElementById("document"));
}

render();
follow(render);
