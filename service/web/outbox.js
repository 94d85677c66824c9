/** One message at a time on its way to the service; kept in the tab until the service has acknowledged it. */

import { persist } from "./retry.js";

export class Outbox {
  #api;
  #session;
  #how;

  /**
   * @param {import("./api.js").Api} api
   * @param {import("./session.js").Session} session
   * @param {{waker: object, signal: AbortSignal, onWait: Function}} how as `persist` takes it
   */
  constructor(api, session, how) {
    this.#api = api;
    this.#session = session;
    this.#how = how;
  }

  /**
   * Sends until there is a definite reply; every kind of message may arrive twice without harm.
   * @param {import("./session.js").Pending} message
   */
  async deliver(message) {
    this.#session.pending = message;
    try {
      const reply = await persist(() => this.#send(message), this.#how);
      this.#session.pending = null;
      return reply;
    } catch (error) {
      // Signed out or the key refused: it stays for when this rater is back. Any other no is final.
      if (!this.#how.signal.aborted && !error.denied) this.#session.pending = null;
      throw error;
    }
  }

  /** One last attempt that outlives the page, if something is on its way. */
  farewell() {
    const message = this.#session.pending;
    if (message) this.#send(message, true).catch(() => {});
  }

  #send({ kind, id, body }, leaving = false) {
    if (kind === "answer") return this.#api.answer(id, body, leaving);
    if (kind === "amend") return this.#api.amend(id, body, leaving);
    return this.#api.release(id, { skip: true, leaving });
  }
}
