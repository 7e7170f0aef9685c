// Keeps a login of Swagger UI alive: it never uses the refresh token that it got.

import { isHere } from "./servers.js";

const STORED = "authorized"; // where Swagger UI keeps logins
const MARGIN = 30_000; // milliseconds before the end at which a token is exchanged

/** A plugin that notes when each access token ends. */
export function rememberExpiry() {
  const noted = (original) => (payload) => {
    const { auth, token } = payload;
    const ends = Date.now() + (token.expires_in ?? Infinity) * 1000;
    return original({ auth, token: { ends, ...token } });
  };
  return { statePlugins: { auth: { wrapActions: { authorizeOauth2: noted } } } };
}

/** A request interceptor that exchanges an access token shortly before it ends. */
export function keepLoggedIn(ui) {
  let exchange = null; // one for all requests that wait: a refresh token is good for one use
  return async (request) => {
    if (!request.headers?.Authorization) return request;
    const login = currentLogin(ui());
    if (!login || login.token.ends - Date.now() > MARGIN) return request;
    exchange ??= refresh(ui(), login).finally(() => {
      exchange = null;
    });
    const token = await exchange;
    if (token) request.headers.Authorization = `Bearer ${token.access_token}`;
    return request;
  };
}

/** The login with the newest tokens: another tab may have exchanged ours already. */
function currentLogin(ui) {
  const ours = Object.values(ui.authSelectors.authorized().toJS());
  const stored = Object.values(JSON.parse(localStorage.getItem(STORED) ?? "{}"));
  return [...ours, ...stored]
    .filter((login) => login.token?.refresh_token)
    .sort((one, other) => other.token.ends - one.token.ends)[0];
}

async function refresh(ui, login) {
  const { token: { refresh_token }, ...auth } = login;
  const flow = auth.schema;
  const url = flow.refreshUrl ?? flow.tokenUrl;
  if (!isHere(url)) return null;
  const response = await fetch(url, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token }),
  });
  if (!response.ok) return null; // the session is over: the request itself will say so
  const token = await response.json();
  ui.authActions.authorizeOauth2WithPersistOption({ auth, token });
  return token;
}
