import { DOCUMENT, follow } from "./live.js";
import { keepLoggedIn, rememberExpiry } from "./login.js";

let ui = null; // its first request, for the document, comes before it is there

ui = window.SwaggerUIBundle({
  url: DOCUMENT,
  dom_id: "#document",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  plugins: [rememberExpiry],
  requestInterceptor: keepLoggedIn(() => ui),
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the document to somebody else
});

follow(async () => {
  const response = await fetch(DOCUMENT);
  ui.specActions.updateSpec(await response.text());
});
