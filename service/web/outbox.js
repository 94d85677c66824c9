/** Messages on their way to the service, one after the other; kept in the tab until the service has acknowledged them. */

import { persist } from "./retry.js";

export class Outbox {
  #api;
  #session;
  #how;
  #on;
  #running = null;

  /**
   * @param {import("./api.js").Api} api
   * @param {import("./session.js").Session} session
   * @param {{waker: object, signal: AbortSignal, onWait: Function}} how as `persist` takes it
   * @param {{onDone: (message: object, reply: object) => void, onRefused: (message: object, error: Error) => void,
   *   onCount: () => void}} on done: acknowledged; refused: a definite no; count: there are more or fewer of them.
   */
  constructor(api, session, how, on) {
    this.#api = api;
    this.#session = session;
    this.#how = how;
    this.#on = on;
  }

  /** How many are still to be acknowledged. */
  get size() {
    return this.#session.unsent.length;
  }

  /** The one that is on its way now. @returns {import("./session.js").Message|undefined} */
  get head() {
    return this.#session.unsent[0];
  }

  /**
   * Sends after all that was posted before; every kind of message may arrive twice without harm.
   * @param {import("./session.js").Message} message
   */
  post(message) {
    this.#keep([...this.#session.unsent, message]);
    this.drain();
  }

  /** Forgets what another rater left behind. @param {string} rater */
  only(rater) {
    this.#keep(this.#session.unsent.filter((message) => message.rater === rater));
  }

  /** Sends until nothing is left, or nothing can be sent any more. */
  drain() {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** One last attempt that outlives the page. */
  farewell() {
    for (const message of this.#session.unsent) if (message.id) this.#send(message, true).catch(() => {});
  }

  async #run() {
    for (let message = this.head; message; message = this.head) {
      try {
        const reply = await persist(() => this.#send(message), this.#how);
        this.#done(message, reply);
      } catch (error) {
        // Signed out or the key refused: all of it stays for when this rater is back. Any other no is final.
        if (this.#how.signal.aborted) return;
        if (!error.denied) this.#keep(this.#session.unsent.slice(1).filter((later) => later.of !== message.id));
        this.#on.onRefused(message, error);
        if (error.denied) return;
      }
    }
  }

  #done(message, reply) {
    const later = this.#session.unsent.slice(1);
    for (const each of later) if (each.of === message.id && !each.id) each.id = reply.answer_id;
    this.#keep(later);
    if (!this.#how.signal.aborted) this.#on.onDone(message, reply);
  }

  #keep(messages) {
    this.#session.unsent = messages;
    this.#on.onCount();
  }

  #send({ kind, id, body }, leaving = false) {
    if (kind === "answer") return this.#api.answer(id, body, leaving);
    if (kind === "amend") return this.#api.amend(id, body, leaving);
    return this.#api.release(id, { ...body, skip: true, leaving });
  }
}
