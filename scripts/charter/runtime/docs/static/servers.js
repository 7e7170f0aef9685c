// The page tries this service: the servers that the document names come behind it.

const THIS_SERVICE = { url: "/", description: "This service" };

/** A plugin that offers this service first, wherever the document names servers.
 *
 * It changes what the page holds in memory; the document that clients download stays as it is.
 */
export function thisServiceFirst() {
  const updateJsonSpec = (original) => (spec) => original(withThisService(spec));
  return { statePlugins: { spec: { wrapActions: { updateJsonSpec } } } };
}

function withThisService(spec) {
  if (spec === null || typeof spec !== "object") return spec;
  const paths = withMembers(spec.paths, (path) => withMembers(withFirst(path), withFirst));
  return { ...spec, servers: first(spec.servers), ...(paths && { paths }) };
}

/** A path or an operation, whose servers go before those of the document. */
function withFirst(node) {
  return Array.isArray(node?.servers) ? { ...node, servers: first(node.servers) } : node;
}

function first(servers) {
  const others = Array.isArray(servers) ? servers : [];
  return [THIS_SERVICE, ...others.filter(({ url }) => url !== THIS_SERVICE.url)];
}

function withMembers(node, change) {
  if (node === null || typeof node !== "object" || Array.isArray(node)) return node;
  return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, change(child)]));
}

/** Whether a URL is this service's. */
export function isHere(url) {
  return new URL(url, window.location.href).origin === window.location.origin;
}

/** A request interceptor: a request to somebody else is shown without our token, and not sent. */
export function onlyHere(request) {
  if (isHere(request.url)) return request;
  const { Authorization, ...headers } = request.headers ?? {};
  const userFetch = async () => {
    throw new Error("This page calls this service alone: choose it among the servers.");
  };
  return Object.assign(request, { headers, userFetch });
}
