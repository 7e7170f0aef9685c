/**
 * What every client needs, whatever its document: credentials, retries, pages, streams.
 *
 * It stands on `fetch` alone, and runs in browsers and in Node 20 and later.
 */

// -- what callers use ----------------------------------------------------------------------------

/** The content of a file. In Node, `await openAsBlob(path)` of `node:fs` reads it as it is sent. */
export type Binary = Blob | BufferSource;

/** What one call does otherwise than its client. */
export interface Options {
  /** Milliseconds for each attempt; `Infinity` waits for ever. */
  readonly timeout?: number;
  readonly retry?: Partial<Retry>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cancels the call, with its waits and its stream. */
  readonly signal?: AbortSignal;
}

/** How often and how patiently a request is sent again; all times in milliseconds. */
export interface Retry {
  /** At most, the first one included; 1 turns retries off. */
  readonly attempts: number;
  /** The longest wait after the first attempt, doubled after each further one. */
  readonly first: number;
  readonly longest: number;
  /** A service that asks for a longer wait is not waited for. */
  readonly patience: number;
}

/** One request and what came of it, for the log: no body, and no secret in headers or query. */
export interface Attempt {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** 1 for the first attempt of a call. */
  readonly number: number;
  /** `undefined` where no response came; `error` says why. */
  readonly status: number | undefined;
  readonly error: string;
  readonly milliseconds: number;
}

export interface ClientOptions {
  readonly baseUrl: string;
  /** A credential, or several of them. */
  readonly auth?: Credential | readonly Credential[];
  readonly retry?: Partial<Retry>;
  /** Milliseconds for each attempt of a call; 30,000 if left out. */
  readonly timeout?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with every attempt. */
  readonly log?: (attempt: Attempt) => void;
  /** In the place of the global one. */
  readonly fetch?: typeof fetch;
}

/** What is left of a response once its body is decoded. */
export interface ResponseInfo {
  readonly status: number;
  readonly headers: Headers;
  readonly method: string;
  /** Of the request, without its query, which may hold secrets. */
  readonly path: string;
}

/** A server-sent event (WHATWG HTML section 9.2). */
export interface ServerEvent<T> {
  readonly data: T;
  readonly event: string;
  readonly id: string;
}

const responses = new WeakMap<object, ResponseInfo>();

/**
 * The response that a method returned this object from.
 *
 * @throws RangeError for one that was made here, and for what lies inside of another object.
 */
export function responseOf(value: object): ResponseInfo {
  const found = responses.get(value);
  if (found === undefined) throw new RangeError("This object is not what a method has returned.");
  return found;
}

/**
 * The version of the object that was read, for `ifMatch` (RFC 9110 section 8.8.3).
 *
 * @throws RangeError where the response had no ETag.
 */
export function etagOf(value: object): string {
  const etag = responseOf(value).headers.get("etag");
  if (etag === null) throw new RangeError("The response with this object had no ETag.");
  return etag;
}

// -- errors --------------------------------------------------------------------------------------

/** The base of all errors but cancellation, which is the reason of the signal. */
export class SdkError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service has refused the request. */
export class ApiError extends SdkError {
  readonly response: ResponseInfo;
  /** The JSON of the body; `null` where there is none. */
  readonly body: unknown;

  constructor(response: ResponseInfo, body: unknown) {
    const said = text(member(body, "detail")) || text(member(body, "title"));
    const request = `${response.method} ${response.path}`;
    super(`${request} was answered with ${response.status}${said === "" ? "" : `: ${said}`}`);
    this.response = response;
    this.body = body;
  }

  get status(): number {
    return this.response.status;
  }

  /** The problem type (RFC 9457 section 3.1.1). */
  get type(): string {
    return text(member(this.body, "type")) || "about:blank";
  }

  get title(): string {
    return text(member(this.body, "title"));
  }

  /** What happened, for the person who can mend it. */
  get detail(): string {
    return text(member(this.body, "detail"));
  }
}

/** Whether an error is of a status, or of a class of them, whatever its problem type. */
export function hasStatus(error: unknown, least: number, most: number = least): boolean {
  return error instanceof ApiError && least <= error.status && error.status <= most;
}

/** A status of 400 to 499: the request has to be another one. */
export class ClientError extends ApiError {
  static override [Symbol.hasInstance](error: unknown): error is ClientError {
    return hasStatus(error, 400, 499);
  }
}

/** A status of 500 to 599: the same request may succeed later. */
export class ServerError extends ApiError {
  static override [Symbol.hasInstance](error: unknown): error is ServerError {
    return hasStatus(error, 500, 599);
  }
}

/** What `ifNoneMatch` names is still what the service has. */
export class NotModified extends SdkError {
  readonly response: ResponseInfo;

  constructor(response: ResponseInfo) {
    super(`${response.path} has not been modified`);
    this.response = response;
  }
}

/** The response is not what the document declares. */
export class InvalidResponse extends SdkError {
  readonly response: ResponseInfo;

  constructor(response: ResponseInfo, reason: string) {
    super(`${response.method} ${response.path}: ${reason}`);
    this.response = response;
  }
}

/** No response came: the service is out of reach, the connection broke, or time ran out. */
export class ConnectionFailed extends SdkError {}

type ErrorClass = new (response: ResponseInfo, body: unknown) => ApiError;

/** The classes of the document's errors. */
export interface Errors {
  readonly byStatus: Readonly<Record<number, ErrorClass>>;
  readonly byType: Readonly<Record<string, ErrorClass>>;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

// -- credentials ---------------------------------------------------------------------------------

/** A token from elsewhere; a function is asked for it before each request. */
export class Bearer {
  readonly #token: string | (() => string | Promise<string>);

  constructor(token: string | (() => string | Promise<string>)) {
    this.#token = token;
  }

  async authorization(): Promise<string> {
    return `Bearer ${typeof this.#token === "string" ? this.#token : await this.#token()}`;
  }
}

export class Basic {
  readonly #pair: string;

  constructor(username: string, password: string) {
    this.#pair = `${username}:${password}`;
  }

  authorization(): string {
    return `Basic ${base64(this.#pair)}`;
  }
}

export class ApiKey {
  readonly #value: string;
  /** The name in the document, where it declares more than one key. */
  readonly scheme: string;

  constructor(value: string, scheme: string = "") {
    this.#value = value;
    this.scheme = scheme;
  }

  value(): string {
    return this.#value;
  }
}

export interface Registration {
  readonly scopes?: readonly string[];
  readonly clientId?: string;
  readonly clientSecret?: string;
}

/** Logs in with OAuth 2's password grant (RFC 6749 section 4.3). */
export class Password {
  readonly #username: string;
  readonly #password: string;
  readonly #registration: Registration;

  constructor(username: string, password: string, registration: Registration = {}) {
    this.#username = username;
    this.#password = password;
    this.#registration = registration;
  }

  form(): Record<string, string> {
    const names = { username: this.#username, password: this.#password };
    return { grant_type: "password", ...names, ...scopes(this.#registration) };
  }

  registration(): Registration {
    return this.#registration;
  }
}

/** Logs in as the program itself (RFC 6749 section 4.4). */
export class ClientCredentials {
  readonly #registration: Registration;

  constructor(clientId: string, clientSecret: string, scopes: readonly string[] = []) {
    this.#registration = { clientId, clientSecret, scopes };
  }

  form(): Record<string, string> {
    return { grant_type: "client_credentials", ...scopes(this.#registration) };
  }

  registration(): Registration {
    return this.#registration;
  }
}

export type Credential = Bearer | Basic | ApiKey | Password | ClientCredentials;
type Grant = Password | ClientCredentials;

/** A security scheme of the document. */
export interface Scheme {
  readonly kind: "apiKey" | "basic" | "bearer" | "oauth2";
  readonly place?: string;
  readonly key?: string;
  readonly tokenUrl?: string;
  readonly refreshUrl?: string;
  readonly grants?: readonly string[];
}

function takes(scheme: Scheme, credential: Credential, name: string): boolean {
  if (credential instanceof Basic) return scheme.kind === "basic";
  if (credential instanceof Bearer) return scheme.kind === "bearer" || scheme.kind === "oauth2";
  if (credential instanceof ApiKey) {
    return scheme.kind === "apiKey" && (credential.scheme === "" || credential.scheme === name);
  }
  const grant = credential instanceof Password ? "password" : "client_credentials";
  return scheme.grants?.includes(grant) ?? false;
}

function scopes(registration: Registration): Record<string, string> {
  const asked = registration.scopes ?? [];
  return asked.length === 0 ? {} : { scope: asked.join(" ") };
}

function base64(plain: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(plain)));
}

type Exchange = (url: string, init: Init) => Promise<Received>;

/** The tokens of one grant. Whoever needs new ones while they are fetched waits for the same. */
class Tokens {
  readonly #grant: Grant;
  readonly #tokenUrl: string;
  readonly #refreshUrl: string;
  readonly #exchange: Exchange;
  #access = "";
  #refresh = "";
  #ends = 0;
  #renewal: Promise<void> | undefined;

  constructor(grant: Grant, scheme: Scheme, baseUrl: string, exchange: Exchange) {
    const base = baseUrl.endsWith("/") ? baseUrl : `${baseUrl}/`;
    this.#grant = grant;
    this.#tokenUrl = new URL(scheme.tokenUrl ?? "", base).href;
    this.#refreshUrl = new URL(scheme.refreshUrl ?? scheme.tokenUrl ?? "", base).href;
    this.#exchange = exchange;
  }

  /** An access token that is good for a while. */
  async current(): Promise<string> {
    if (this.#access !== "" && performance.now() < this.#ends) return this.#access;
    return this.renew(this.#access);
  }

  /** Another access token than the refused one; perhaps another call has got it already. */
  async renew(refused: string): Promise<string> {
    if (this.#access === refused) {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined;
      });
      await this.#renewal;
    }
    return this.#access;
  }

  async #renew(): Promise<void> {
    if (this.#refresh !== "") {
      const form = { grant_type: "refresh_token", refresh_token: this.#refresh };
      const received = await this.#ask(this.#refreshUrl, form);
      if (isSuccess(received.status)) return this.#keep(received);
      this.#refresh = ""; // its session is over: log in again
    }
    const received = await this.#ask(this.#tokenUrl, this.#grant.form());
    if (!isSuccess(received.status)) throw new Refused(received);
    this.#keep(received);
  }

  #ask(url: string, form: Record<string, string>): Promise<Received> {
    const { clientId, clientSecret } = this.#grant.registration();
    const headers: Record<string, string> = { Accept: "application/json", "Content-Type": FORM };
    if (clientId !== undefined && clientSecret !== undefined) {
      // RFC 6749 section 2.3.1
      const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
      headers["Authorization"] = `Basic ${base64(pair)}`;
    } else if (clientId !== undefined) {
      form = { ...form, client_id: clientId };
    }
    return this.#exchange(url, { method: "POST", headers, body: new URLSearchParams(form).toString() });
  }

  #keep(received: Received): void {
    const tokens: unknown = received.json();
    const seconds = Number(member(tokens, "expires_in") ?? 3600);
    this.#access = text(member(tokens, "access_token"));
    this.#refresh = text(member(tokens, "refresh_token")) || this.#refresh;
    this.#ends = performance.now() + (seconds - Math.min(30, seconds / 10)) * 1000;
  }
}

/** The service has refused the log-in. */
class Refused extends Error {
  readonly received: Received;

  constructor(received: Received) {
    super("The log-in was refused.");
    this.received = received;
  }
}

// -- calls ---------------------------------------------------------------------------------------

/** One operation of the document, whose success is a `T`. */
export interface Operation<T> {
  readonly method: string;
  readonly path: string;
  /** Never there: it ties `T` to the operation. */
  readonly result?: T;
  readonly mediaType?: string;
  readonly accept?: string;
  /** How a success is read that is not JSON by its media type. */
  readonly reads?: "nothing";
  readonly takesKey?: true;
  readonly security?: readonly (readonly string[])[];
}

/** The arguments of an operation. */
export interface Call {
  readonly path?: Values;
  readonly query?: Values;
  readonly header?: Values;
  readonly cookie?: Values;
  readonly body?: unknown;
  /** In the place of the operation's path and the query: that of the next page. */
  readonly url?: string;
}

type Values = Readonly<Record<string, unknown>>;

/** A value that is written in another style than its place has by default. */
export class Styled {
  readonly value: unknown;
  readonly style: string;
  readonly explode: boolean;

  constructor(value: unknown, style: string, explode: boolean) {
    this.value = value;
    this.style = style;
    this.explode = explode;
  }
}

const IDEMPOTENCY_KEY = "Idempotency-Key";
/** Media types that every operation may answer with (RFC 9110 section 12.5.1). */
const OTHERWISE = "application/problem+json, */*;q=0.1";
const FORM = "application/x-www-form-urlencoded";
/** Idempotent methods (RFC 9110 section 9.2.2). */
const SAFE_TO_REPEAT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"]);

function given(values: Values | undefined): [string, unknown][] {
  return Object.entries(values ?? {}).filter(([, value]) => (bare(value) ?? null) !== null);
}

function bare(value: unknown): unknown {
  return value instanceof Styled ? value.value : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function scalar(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The parts of a value: items, or names and values, which `explode` puts together. */
function parts(value: unknown, explode: boolean): string[] {
  if (Array.isArray(value)) return value.map(scalar);
  if (!isObject(value)) return [scalar(value)];
  const pairs = Object.entries(value).filter(([, one]) => one !== undefined);
  return pairs.flatMap(([name, one]) => (explode ? [`${name}=${scalar(one)}`] : [name, scalar(one)]));
}

/** A header or a cookie; of an object that was read, its version. */
function headerText(value: unknown): string {
  if (value instanceof Styled) {
    return value.style === "json" ? JSON.stringify(value.value) : parts(value.value, value.explode).join(",");
  }
  return isObject(value) && responses.has(value) ? etagOf(value) : parts(value, false).join(",");
}

/** In the styles `simple`, `label` and `matrix`; a segment is never empty, `.` or `..`. */
function pathSegment(name: string, given: unknown): string {
  const styled = given instanceof Styled ? given : new Styled(given, "simple", false);
  if (styled.style === "json") return encodeURIComponent(JSON.stringify(styled.value));
  const encoded = parts(styled.value, styled.explode).map((part) =>
    encodeURIComponent(part).replaceAll("%3D", "="),
  );
  if (styled.style === "label") return `.${encoded.join(styled.explode ? "." : ",")}`;
  if (styled.style === "matrix") {
    if (!styled.explode) return `;${name}=${encoded.join(",")}`;
    return encoded.map((part) => (isObject(styled.value) ? `;${part}` : `;${name}=${part}`)).join("");
  }
  const made = encoded.join(",");
  if (["", ".", ".."].includes(made)) {
    throw new RangeError(`${name} can't be "${made}": it is a part of the URL's path.`);
  }
  return made;
}

const SEPARATORS: Readonly<Record<string, string>> = { spaceDelimited: " ", pipeDelimited: "|" };

type Encode = (text: string) => string;

/** Names and values as in a query, or in a form. */
function pairs(name: string, given: unknown, encode: Encode): [string, string][] {
  const { value, style, explode } = given instanceof Styled ? given : new Styled(given, "form", true);
  const pair = (key: string, one: string): [string, string] => [encode(key), encode(one)];
  if (style === "json") return [pair(name, JSON.stringify(value))];
  if (style === "deepObject" && isObject(value)) return [...deep(name, value)].map(([key, one]) => pair(key, one));
  if (explode && isObject(value)) {
    return Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [pair(key, scalar(one))]));
  }
  if (explode && Array.isArray(value)) return value.map((one) => pair(name, scalar(one)));
  const separator = SEPARATORS[style];
  const joined = parts(value, false).map(encode).join(separator === undefined ? "," : encode(separator));
  return [[encode(name), joined]];
}

/** `filter[color]=red`, and `filter[size][width]=3` for what lies deeper. */
function* deep(name: string, value: unknown): Generator<[string, string]> {
  if (Array.isArray(value)) {
    for (const one of value) yield* deep(name, one);
  } else if (isObject(value)) {
    for (const [key, one] of Object.entries(value)) yield* deep(`${name}[${key}]`, one);
  } else if (value !== undefined) {
    yield [name, scalar(value)];
  }
}

function query(values: Values | undefined): string {
  const all = given(values).flatMap(([name, value]) => pairs(name, value, encodeURIComponent));
  return all.map(([name, value]) => `${name}=${value}`).join("&");
}

/** The fields of a form, of which some are written in another style. */
export function withStyles(body: object, styles: Readonly<Record<string, readonly [string, boolean]>>): object {
  const styled = Object.entries(body).map(([name, value]: [string, unknown]) => {
    const style = styles[name];
    return [name, style === undefined ? value : new Styled(value, ...style)];
  });
  return Object.fromEntries(styled) as object;
}

function target(operation: Operation<unknown>, call: Call): string {
  let path = operation.path;
  for (const [name, value] of Object.entries(call.path ?? {})) {
    path = path.replaceAll(`{${name}}`, () => pathSegment(name, value));
  }
  const asked = query(call.query);
  return asked === "" ? path : `${path}?${asked}`;
}

function encodedBody(mediaType: string, body: unknown): BodyInit {
  if (mediaType === FORM) {
    const fields = given(body as Values).flatMap(([name, value]) => formPairs(name, value));
    return new URLSearchParams(fields).toString();
  }
  if (mediaType.startsWith("multipart/")) return multipart(body as Values);
  if (isBinary(body)) return body;
  return typeof body === "string" && mediaType.startsWith("text/") ? body : JSON.stringify(body);
}

/** Without a style, objects are JSON (OpenAPI 3.1 "Encoding Object"). */
function formPairs(name: string, value: unknown): [string, string][] {
  return pairs(name, isObject(value) && !(value instanceof Styled) ? JSON.stringify(value) : value, (plain) => plain);
}

function isBinary(value: unknown): value is Binary {
  return value instanceof Blob || value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** Items of a list are parts of the same name; objects are JSON (OpenAPI 3.1 "Encoding"). */
function multipart(fields: Values): FormData {
  const form = new FormData();
  for (const [name, value] of given(fields)) {
    if (value instanceof Styled) {
      for (const [part, one] of formPairs(name, value)) form.append(part, one);
      continue;
    }
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (one instanceof Blob) form.append(name, one);
      else if (isBinary(one)) form.append(name, new Blob([one]));
      else if (isObject(one)) form.append(name, new Blob([JSON.stringify(one)], { type: "application/json" }));
      else form.append(name, scalar(one));
    }
  }
  return form;
}

// -- attempts ------------------------------------------------------------------------------------

interface Init {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: BodyInit;
}

const RETRY: Retry = { attempts: 4, first: 250, longest: 8000, patience: 60_000 };
/** Statuses after which the same request may succeed (RFC 9110 section 15, RFC 6585 section 4). */
const TRANSIENT = new Set([408, 429, 502, 503, 504]);
/** Those of them that say that nothing was done, so that any request may be sent again. */
const REFUSED_UNREAD = new Set([429]);

/** The milliseconds before the next attempt; `undefined` if there is none. */
function wait(retry: Retry, attempt: number, asked: number | undefined): number | undefined {
  if (attempt >= retry.attempts || (asked ?? 0) > retry.patience) return undefined;
  // jitter keeps many clients from coming back at once
  if (asked !== undefined) return asked + Math.random() * Math.min(1000, asked / 10);
  const most = Math.min(retry.longest, retry.first * 2 ** (attempt - 1));
  return most / 2 + (Math.random() * most) / 2;
}

/**
 * The milliseconds that `Retry-After` asks for, or else those until a spent quota is renewed.
 *
 * RFC 9110 section 10.2.3; `RateLimit` as in draft-ietf-httpapi-ratelimit-headers.
 */
function askedWait(headers: Headers): number | undefined {
  const said = headers.get("retry-after")?.trim();
  if (said !== undefined) {
    const date = Date.parse(said);
    if (/^[0-9]+$/.test(said)) return Number(said) * 1000;
    return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
  }
  const waits = (headers.get("ratelimit") ?? "")
    .split(",")
    .filter((quota) => /;\s*r=0(?![0-9])/.test(quota))
    .flatMap((quota) => /;\s*t=([0-9]+)/.exec(quota)?.[1] ?? []);
  return waits.length === 0 ? undefined : Math.max(...waits.map(Number)) * 1000;
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Parts of the names of headers and query parameters that are never shown. */
const SECRET = /authorization|cookie|key|password|secret|signature|token/i;

function hidden(name: string, value: string): string {
  return SECRET.test(name) ? "***" : value;
}

function shownUrl(url: string): string {
  const shown = new URL(url);
  shown.username = shown.password = "";
  for (const [name, value] of [...shown.searchParams]) shown.searchParams.set(name, hidden(name, value));
  return shown.href;
}

/** A response with its body, or with the stream of it. */
class Received {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly method: string;
  readonly bytes: ArrayBuffer;
  readonly stream: ReadableStream<Uint8Array> | null;

  constructor(response: Response, url: string, method: string, bytes: ArrayBuffer, isStreamed: boolean) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = response.url || url;
    this.method = method;
    this.bytes = bytes;
    this.stream = isStreamed ? response.body : null;
  }

  get info(): ResponseInfo {
    const { status, headers, method } = this;
    return { status, headers, method, path: new URL(this.url).pathname };
  }

  get mediaType(): string {
    return (this.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  }

  text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** @throws InvalidResponse */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch {
      throw new InvalidResponse(this.info, "the body is no JSON");
    }
  }

  /** The body by its media type. */
  value(): unknown {
    if (this.bytes.byteLength === 0) return undefined;
    if (/^application\/([^;]+\+)?json$/.test(this.mediaType)) return this.json();
    return this.mediaType.startsWith("text/") ? this.text() : new Blob([this.bytes], { type: this.mediaType });
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** What a request shows for itself. */
interface Proof {
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
  readonly cookies: Record<string, string>;
  tokens?: Tokens;
  access?: string;
}

// -- the client ----------------------------------------------------------------------------------

/** Sends calls; the generated `Client` gives them names. */
export class HttpClient {
  readonly #baseUrl: string;
  readonly #schemes: Readonly<Record<string, Scheme>>;
  readonly #errors: Errors;
  readonly #options: ClientOptions;
  readonly #credentials = new Map<string, Credential>();
  readonly #tokens = new Map<string, Tokens>();

  /** @throws TypeError for an address that is not one, or a credential that the API doesn't take. */
  constructor(options: ClientOptions, schemes: Readonly<Record<string, Scheme>>, errors: Errors) {
    const page = (globalThis as { location?: { href: string } }).location?.href;
    this.#baseUrl = new URL(options.baseUrl, page).href.replace(/\/+$/, "");
    this.#schemes = schemes;
    this.#errors = errors;
    this.#options = options;
    const auth = options.auth ?? [];
    for (const credential of Array.isArray(auth) ? (auth as readonly Credential[]) : [auth as Credential]) {
      this.#use(credential);
    }
  }

  #use(credential: Credential): void {
    const names = Object.entries(this.#schemes).filter(([name, one]) => takes(one, credential, name));
    if (names.length === 0) {
      throw new TypeError(`No security scheme of this API takes ${credential.constructor.name}.`);
    }
    for (const [name, scheme] of names) {
      if (!this.#credentials.has(name)) this.#credentials.set(name, credential);
      if (credential instanceof Password || credential instanceof ClientCredentials) {
        const exchange: Exchange = (url, init) => this.#repeated(() => ({ url, init }), true, {}, false);
        this.#tokens.set(name, new Tokens(credential, scheme, this.#baseUrl, exchange));
      }
    }
  }

  /** @throws SdkError, or the reason of the signal. */
  async send<T>(operation: Operation<T>, call: Call = {}, options: Options = {}): Promise<T> {
    return (await this.#page(operation, call, options))[0];
  }

  /** The rows of all pages; each page is fetched when its first row is asked for. */
  async *all<Row>(
    operation: Operation<unknown>,
    pages: Pages,
    call: Call = {},
    options: Options = {},
  ): AsyncGenerator<Row, void, undefined> {
    let following: Call | undefined = call;
    while (following !== undefined) {
      const [page, received]: [unknown, Received] = await this.#page(operation, following, options);
      yield* rowsOf(pages, page) as Row[];
      following = after(pages, following, page, received);
    }
  }

  /** What the events hold, while they arrive; JSON unless `isText`. */
  async *streamEvents<T>(
    operation: Operation<unknown>,
    isText: boolean,
    call: Call = {},
    options: Options = {},
  ): AsyncGenerator<ServerEvent<T>, void, undefined> {
    let data: string[] = [];
    let event = "";
    let id = "";
    for await (const line of lines(this.streamBytes(operation, call, options), /\r\n|\r|\n/)) {
      if (line === "") {
        const said = data.join("\n");
        if (said === END && !isText) return;
        if (data.length > 0) {
          yield { data: (isText ? said : JSON.parse(said)) as T, event: event || "message", id };
        }
        data = [];
        event = "";
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") data.push(value);
      else if (name === "event") event = value;
      else if (name === "id" && !value.includes("\0")) id = value;
    }
  }

  /** A JSON text of each line (JSON Lines, and JSON text sequences, RFC 7464). */
  async *streamLines<T>(
    operation: Operation<unknown>,
    call: Call = {},
    options: Options = {},
  ): AsyncGenerator<T, void, undefined> {
    for await (const line of lines(this.streamBytes(operation, call, options), /\n/, true)) {
      const plain = line.replace(/^\x1e+/, "").trim();
      if (plain !== "") yield JSON.parse(plain) as T;
    }
  }

  /** The body, while it arrives. */
  async *streamBytes(
    operation: Operation<unknown>,
    call: Call = {},
    options: Options = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { stream } = await this.#received(operation, call, options, true);
    const reader = stream?.getReader();
    try {
      while (reader !== undefined) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw new ConnectionFailed("The stream broke off.", { cause: error });
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
  }

  async #page<T>(operation: Operation<T>, call: Call, options: Options): Promise<[T, Received]> {
    const received = await this.#received(operation, call, options, false);
    if (received.status === 304) return [kept(call, received) as T, received];
    const value = operation.reads === "nothing" ? undefined : received.value();
    if (typeof value === "object" && value !== null) responses.set(value, received.info);
    return [value as T, received];
  }

  /** The response, unless it is an error. A token that the service refuses is renewed once. */
  async #received(
    operation: Operation<unknown>,
    call: Call,
    options: Options,
    isStreamed: boolean,
  ): Promise<Received> {
    const header: Record<string, unknown> = { ...call.header };
    if (operation.takesKey) header[IDEMPOTENCY_KEY] ??= crypto.randomUUID();
    const keyed = { ...call, header };
    const isRepeatable = operation.takesKey === true || SAFE_TO_REPEAT.has(operation.method);
    const send = (proof: Proof): Promise<Received> =>
      this.#repeated(() => this.#request(operation, keyed, options, proof), isRepeatable, options, isStreamed);
    try {
      const proof = await this.#prove(operation);
      let received = await send(proof);
      if (received.status === 401 && proof.tokens !== undefined) {
        await proof.tokens.renew(proof.access ?? "");
        received = await send(await this.#prove(operation));
      }
      if (received.status >= 400) throw this.#failure(received);
      return received;
    } catch (error) {
      throw error instanceof Refused ? this.#failure(error.received) : error;
    }
  }

  /** The first alternative that the credentials satisfy; nothing where there is none. */
  async #prove(operation: Operation<unknown>): Promise<Proof> {
    const proof: Proof = { headers: {}, query: {}, cookies: {} };
    const alternatives = operation.security ?? [];
    const names = alternatives.find((all) => all.length > 0 && all.every((name) => this.#credentials.has(name)));
    for (const name of names ?? []) {
      const credential = this.#credentials.get(name);
      const { place, key = "" } = this.#schemes[name] ?? {};
      if (credential instanceof ApiKey) {
        const shown = place === "header" ? proof.headers : place === "query" ? proof.query : proof.cookies;
        shown[key] = credential.value();
      } else if (credential instanceof Bearer || credential instanceof Basic) {
        proof.headers["Authorization"] = await credential.authorization();
      } else {
        const tokens = this.#tokens.get(name);
        if (tokens === undefined) continue;
        proof.tokens = tokens;
        proof.access = await tokens.current();
        proof.headers["Authorization"] = `Bearer ${proof.access}`;
      }
    }
    return proof;
  }

  #request(operation: Operation<unknown>, call: Call, options: Options, proof: Proof): Sent {
    const url = new URL(call.url ?? this.#baseUrl + target(operation, call));
    for (const [name, value] of Object.entries(proof.query)) url.searchParams.set(name, value);
    const headers: Record<string, string> = { Accept: `${operation.accept ?? "application/json"}, ${OTHERWISE}`, ...this.#options.headers };
    for (const [name, value] of given(call.header)) headers[name] = headerText(value);
    const cookies = [...given(call.cookie), ...Object.entries(proof.cookies)];
    if (cookies.length > 0) {
      headers["Cookie"] = cookies.map(([name, value]) => `${name}=${headerText(value)}`).join("; ");
    }
    Object.assign(headers, proof.headers, options.headers);
    const { method, mediaType = "" } = operation;
    if (call.body === undefined || mediaType === "") return { url: url.href, init: { method, headers } };
    // the boundary of a multipart body is known to `fetch` alone
    if (!mediaType.startsWith("multipart/")) headers["Content-Type"] = mediaType;
    return { url: url.href, init: { method, headers, body: encodedBody(mediaType, call.body) } };
  }

  /** Send a request until something final comes of it. */
  async #repeated(make: () => Sent, isRepeatable: boolean, options: Options, isStreamed: boolean): Promise<Received> {
    const retry: Retry = { ...RETRY, ...this.#options.retry, ...options.retry };
    for (let number = 1; ; number++) {
      const { url, init } = make();
      const started = performance.now();
      const note = (status: number | undefined, error: string): void => {
        const headers = Object.fromEntries(Object.entries(init.headers).map(([n, v]) => [n, hidden(n, v)]));
        const milliseconds = performance.now() - started;
        this.#options.log?.({ method: init.method, url: shownUrl(url), headers, number, status, error, milliseconds });
      };
      let pauses: number | undefined;
      try {
        const received = await this.#attempt(url, init, options, isStreamed);
        note(received.status, "");
        const repeated = isRepeatable ? TRANSIENT : REFUSED_UNREAD;
        if (repeated.has(received.status)) pauses = wait(retry, number, askedWait(received.headers));
        if (pauses === undefined) return received;
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        note(undefined, error instanceof Error ? error.name : String(error));
        if (isRepeatable || wasNeverSent(error)) pauses = wait(retry, number, undefined);
        if (pauses === undefined) {
          const path = new URL(url).pathname;
          throw new ConnectionFailed(`${init.method} ${path}: ${reason(error)}`, { cause: error });
        }
      }
      await pause(pauses, options.signal);
    }
  }

  /** One request. The time ends with the body, or with the headers of a stream. */
  async #attempt(url: string, init: Init, options: Options, isStreamed: boolean): Promise<Received> {
    const milliseconds = options.timeout ?? this.#options.timeout ?? 30_000;
    const control = new AbortController();
    const stop = (): void => control.abort(options.signal?.reason);
    const late = (): void => control.abort(new DOMException("Time ran out.", "TimeoutError"));
    const timer = milliseconds === Infinity ? undefined : setTimeout(late, milliseconds);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", stop, { once: true });
    let streams = false;
    try {
      const send = this.#options.fetch ?? fetch;
      const response = await send(url, { ...init, signal: control.signal });
      streams = isStreamed && response.status < 400;
      const bytes = streams ? new ArrayBuffer(0) : await response.arrayBuffer();
      return new Received(response, url, init.method, bytes, streams);
    } finally {
      clearTimeout(timer);
      if (!streams) options.signal?.removeEventListener("abort", stop);
    }
  }

  /** The error that a response is, of the class that the document has for it. */
  #failure(received: Received): ApiError {
    const { status, info } = received;
    let body: unknown = null;
    try {
      body = received.json();
    } catch {
      // a gateway's page, say
    }
    const otherwise = status >= 500 ? ServerError : ClientError;
    const type = text(member(body, "type"));
    const ofType = Object.hasOwn(this.#errors.byType, type) ? this.#errors.byType[type] : undefined;
    const Failure = ofType ?? this.#errors.byStatus[status] ?? otherwise;
    return new Failure(info, body);
  }
}

interface Sent {
  readonly url: string;
  readonly init: Init;
}

/** The object that the caller has, where the service says that it is still the same. */
function kept(call: Call, received: Received): unknown {
  for (const [name, value] of given(call.header)) {
    if (name.toLowerCase() === "if-none-match" && isObject(value)) return value;
  }
  throw new NotModified(received.info);
}

/** Failures before the first byte of a request, as far as a platform tells. */
function wasNeverSent(error: unknown): boolean {
  const code = text(member(member(error, "cause"), "code"));
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"].includes(code);
}

function reason(error: unknown): string {
  const cause = member(error, "cause");
  return cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
}

// -- pages ---------------------------------------------------------------------------------------

/** Where a page has its rows, and how the list goes on: by a cursor, or else by `Link`. */
export interface Pages {
  /** The member with the rows; absent where the page is the list itself. */
  readonly rows?: string;
  /** The query parameter. */
  readonly cursor?: string;
  /** The member with the cursor of the next page. */
  readonly nextCursor?: string;
}

function rowsOf(pages: Pages, page: unknown): readonly unknown[] {
  const rows = pages.rows === undefined ? page : member(page, pages.rows);
  return Array.isArray(rows) ? rows : [];
}

/**
 * The call of the next page; `undefined` after the last one.
 *
 * @throws InvalidResponse where the next page is the same one, or on another server, which is not
 * for our credentials.
 */
function after(pages: Pages, call: Call, page: unknown, received: Received): Call | undefined {
  if (pages.nextCursor !== undefined && pages.cursor !== undefined) {
    const cursor = member(page, pages.nextCursor);
    if ((cursor ?? "") === "") return undefined;
    if (cursor === call.query?.[pages.cursor]) {
      throw new InvalidResponse(received.info, "the next page is the same page");
    }
    return { ...call, query: { ...call.query, [pages.cursor]: cursor } };
  }
  const link = nextLink(received.headers.get("link") ?? "");
  if (link === undefined) return undefined;
  const url = new URL(link, received.url);
  if (url.origin !== new URL(received.url).origin || url.href === received.url) {
    throw new InvalidResponse(received.info, `the next page can't be ${url.href}`);
  }
  return { ...call, url: url.href };
}

/** The target of the link to the next page (RFC 8288 section 3). */
function nextLink(header: string): string | undefined {
  const links = header.matchAll(/<([^>]*)>((?:\s*;\s*[^,;="]+(?:=(?:"[^"]*"|[^,;"]*))?)*)/g);
  const relation = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^;\s,]))/i;
  for (const [, url, parameters] of links) {
    if (relation.test(parameters ?? "")) return url;
  }
  return undefined;
}

// -- streams -------------------------------------------------------------------------------------

/** What many services send as the last event, in the place of JSON. */
const END = "[DONE]";

/** The lines of a text; one that nothing ends is one only if `hasLast`. */
async function* lines(
  chunks: AsyncIterable<Uint8Array>,
  ends: RegExp,
  hasLast: boolean = false,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let left = "";
  for await (const chunk of chunks) {
    left += decoder.decode(chunk, { stream: true });
    // a carriage return at the end may be half of a line break
    const held = left.endsWith("\r") ? "\r" : "";
    const found = left.slice(0, left.length - held.length).split(ends);
    left = (found.pop() ?? "") + held;
    yield* found;
  }
  if (hasLast) yield left + decoder.decode();
}
