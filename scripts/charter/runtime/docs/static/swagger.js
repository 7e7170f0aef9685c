import { DOCUMENT, follow } from "./live.js";
import { keepLoggedIn, rememberExpiry } from "./login.js";
import { onlyHere, thisServiceFirst } from "./servers.js";

/** A plugin that shows Execute once its operation has been read, as Swagger UI does with the rest.
 *
 * It would be there at once, also after each edit, and then call an operation that isn't found.
 */
function executeWhatIsRead() {
  const whenRead = (Execute, { React }) => (props) =>
    props.operation.size > 0 ? React.createElement(Execute, props) : null;
  return { wrapComponents: { execute: whenRead } };
}

let ui = null; // its first request, for the document, comes before it is there
const loggedIn = keepLoggedIn(() => ui);

ui = window.SwaggerUIBundle({
  url: DOCUMENT,
  dom_id: "#document",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
  plugins: [rememberExpiry, executeWhatIsRead, thisServiceFirst],
  requestInterceptor: (request) => loggedIn(onlyHere(request)),
  tryItOutEnabled: true,
  validatorUrl: null, // it would send the document to somebody else
});

follow(async () => {
  const response = await fetch(DOCUMENT);
  ui.specActions.updateSpec(await response.text());
});
