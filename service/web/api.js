/**
 * The HTTP routes a rater needs. Every failure is an ApiError that says what may be done about it.
 * Addresses are relative to the page, so that the service also works below a path prefix.
 */

const TIMEOUT_MS = 15_000;

/** A request that brought no answer, or one that says no. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 when there was no reply at all.
   * @param {string} code the service's stable name of the error.
   * @param {string} message for people.
   * @param {number|null} retryAfter seconds the service asks to wait.
   */
  constructor(status, code, message, retryAfter = null) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }

  /** Repeating the same request later may succeed. */
  get transient() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** The lease or answer is no longer this rater's to act on. */
  get gone() {
    return [404, 409, 410].includes(this.status) || this.code === "not_yours";
  }

  /** Nobody is signed in, or somebody who may not do this. */
  get denied() {
    return this.status === 401 || (this.status === 403 && !this.gone);
  }
}

/**
 * A client that acts for whoever is signed in. The browser keeps the session's cookie, which no script can read; the
 * CSRF token says that it is this page that asks, and for whom: after somebody else signed in it is refused.
 */
export class Api {
  #csrf;
  #under = new Set();

  /** @param {string} csrf of the session */
  constructor(csrf = "") {
    this.#csrf = csrf;
  }

  /**
   * Opens a session in this browser.
   * @param {string} key visible ASCII only, which is all that a header can carry.
   * @returns {Promise<{id: string, name: string, role: string, scopes: string[]|null, csrf_token: string}>}
   */
  static signIn(key) {
    return new Api().#send("POST", "v1/session", undefined, { headers: { Authorization: `Bearer ${key}` } });
  }

  /** Who is signed in here already; as `signIn`, and a 401 where nobody is. */
  static whoIsThere() {
    return new Api().#send("GET", "v1/session");
  }

  /** Ends the session, once what is under way has been answered. */
  async signOut() {
    await Promise.allSettled(this.#under);
    return this.#send("DELETE", "v1/session");
  }

  me() {
    return this.#send("GET", "v1/me");
  }

  /** @param {string} name */
  task(name) {
    return this.#send("GET", `v1/tasks/${encodeURIComponent(name)}`);
  }

  /**
   * At most one lease; null when nothing is due.
   * @param {number} seconds how long it is held.
   * @param {string} name of this request: repeated with it, the service gives the same lease again.
   */
  async lease(seconds, name) {
    const headers = { "Idempotency-Key": name };
    const { leases } = await this.#send("POST", "v1/leases", { count: 1, seconds }, { headers });
    return leases[0] ?? null;
  }

  /** @param {string} id @param {number} seconds from now */
  renew(id, seconds) {
    return this.#send("POST", `v1/leases/${encodeURIComponent(id)}/renew`, { seconds });
  }

  /** @param {string} id @param {{skip?: boolean, reason?: string, leaving?: boolean}} how leaving: the page is closing. */
  release(id, { skip = false, reason = "", leaving = false } = {}) {
    return this.#send("POST", `v1/leases/${encodeURIComponent(id)}/release`, { skip, reason }, { leaving });
  }

  /** @param {string} id @param {object} body @param {boolean} leaving */
  answer(id, body, leaving = false) {
    return this.#send("POST", `v1/leases/${encodeURIComponent(id)}/answer`, body, { leaving });
  }

  /** This rater's own answers, newest first. @param {number} offset @param {number} count */
  answers(offset, count) {
    return this.#send("GET", `v1/me/answers?offset=${offset}&count=${count}`);
  }

  /** This rater's own numbers. */
  progress() {
    return this.#send("GET", "v1/me/progress");
  }

  /** @param {string} id @param {object} body @param {boolean} leaving */
  amend(id, body, leaving = false) {
    return this.#send("PATCH", `v1/answers/${encodeURIComponent(id)}`, body, { leaving });
  }

  /** @param {"seed"|"finding"|"blank"} source @param {number} offset */
  attackSeeds(source, offset) {
    return this.#send("GET", `v1/attack/seeds?source=${source}&offset=${offset}&count=1`);
  }

  /** @param {object} body @param {AbortSignal} signal given up by it */
  attackScore(body, signal) {
    return this.#send("POST", "v1/attack/score", body, { signal });
  }

  /** @param {object} body @param {AbortSignal} signal as above; the language model may take its time */
  attackSuggest(body, signal) {
    return this.#send("POST", "v1/attack/suggest", body, { signal, timeout: 4 * TIMEOUT_MS });
  }

  /** @param {object} body */
  attackSubmit(body) {
    return this.#send("POST", "v1/attack/submit", body);
  }

  /** @param {Record<string, string>} wanted filters, see `GET /v1/findings` @param {string|null} after place of the last page */
  findings(wanted, after = null) {
    return this.#send("GET", `v1/findings?${new URLSearchParams({ ...wanted, count: "50", ...(after ? { after } : {}) })}`);
  }

  /** @param {Record<string, string>} wanted */
  findingsSummary(wanted) {
    return this.#send("GET", `v1/findings/summary?${new URLSearchParams(wanted)}`);
  }

  /** @param {string} id */
  item(id) {
    return this.#send("GET", `v1/items/${encodeURIComponent(id)}`);
  }

  /** @param {string} id */
  life(id) {
    return this.#send("GET", `v1/items/${encodeURIComponent(id)}/life`);
  }

  /** @param {string} family @param {"train"|"hold-out"|"regression"|null} mark */
  mark(family, mark) {
    return this.#send("POST", `v1/families/${encodeURIComponent(family)}/mark`, { mark });
  }

  /** What the members of today say; not kept anywhere. @param {string} text @param {string} context */
  async score(text, context) {
    const { verdicts } = await this.#send("POST", "v1/score", { inputs: [{ text, context }], store: false }, { timeout: 4 * TIMEOUT_MS });
    return verdicts[0];
  }

  #send(method, path, body, how = {}) {
    const reply = this.#ask(method, path, body, how);
    this.#under.add(reply);
    const done = () => this.#under.delete(reply);
    reply.then(done, done);
    return reply;
  }

  async #ask(method, path, body, { leaving = false, headers = {}, signal = null, timeout = TIMEOUT_MS }) {
    const request = {
      method,
      headers: { Accept: "application/json", ...headers },
      cache: "no-store",
      credentials: "same-origin",
      keepalive: leaving,
      signal: leaving ? undefined : AbortSignal.any([AbortSignal.timeout(timeout), ...(signal ? [signal] : [])]),
    };
    if (method !== "GET" && this.#csrf) request.headers["X-CSRF-Token"] = this.#csrf;
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers["Content-Type"] = "application/json";
    }
    return read(await reach(path, request));
  }
}

async function reach(path, request) {
  try {
    return await fetch(path, request);
  } catch {
    throw new ApiError(0, "unreachable", "The service cannot be reached.");
  }
}

async function read(response) {
  const text = await response.text().catch(() => null);
  if (text === null) throw new ApiError(0, "unreachable", "The reply broke off.");
  const content = parse(text);
  if (response.ok && content !== undefined) return content;
  if (response.ok) throw new ApiError(502, "not_json", "The reply is not from this service.");
  const { code = "unknown", message = `The service answered ${response.status}.` } = content?.error ?? {};
  const wait = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  throw new ApiError(response.status, code, message, Number.isFinite(wait) ? wait : null);
}

function parse(text) {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}
