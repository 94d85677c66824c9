/** What a rater has said: on its way to the service, acknowledged, and open to correction. */

import { ApiError } from "./api.js";
import { History } from "./history.js";
import { Outbox } from "./outbox.js";
import { inWords, missed } from "./wording.js";

export class Said {
  #done = new History();
  /** Answers on their way, by lease. */
  #records = new Map();
  #session;
  #rater;
  #on;
  #outbox;

  /**
   * @param {{api: import("./api.js").Api, session: import("./session.js").Session, rater: string, how: object}} parts how: as
   *   `persist` takes it.
   * @param {{onRemark: (message: string, tone: string) => void, onMissed: (message: object, explanation: string) => void,
   *   onAgain: (record: object, error: Error) => void, onDenied: (error: Error) => void, onCount: () => void}} on missed: it
   *   had no effect; again: the answer was refused as it was, and can be given otherwise.
   */
  constructor({ api, session, rater, how }, on) {
    this.#session = session;
    this.#rater = rater;
    this.#on = on;
    this.#outbox = new Outbox(api, session, how, {
      onDone: (message, reply) => this.#arrived(message, reply),
      onRefused: (message, error) => this.#refused(message, error),
      onCount: on.onCount,
    });
    this.#outbox.only(rater);
  }

  /** How many messages are on their way. */
  get unsent() {
    return this.#outbox.size;
  }

  /** Whether nothing can be undone. */
  get empty() {
    return this.#done.empty;
  }

  /** The answer before one, as `History.before`. */
  before(record) {
    return this.#done.before(record);
  }

  /** Sends what is left from before. */
  drain() {
    return this.#outbox.drain();
  }

  /** One last attempt that outlives the page. */
  farewell() {
    this.#outbox.farewell();
  }

  /** @param {object} lease @param {object} body */
  answer(lease, body) {
    const { lease_id: id, text, context, task } = lease;
    const record = { answerId: null, lease, text, context, task, body };
    this.#done.add(record);
    this.#records.set(id, record);
    this.#outbox.post({ kind: "answer", id, body, rater: this.#rater });
  }

  /** @param {import("./history.js").Answered} record @param {object} body */
  amend(record, body) {
    this.#outbox.post({ kind: "amend", id: record.answerId, of: record.lease?.lease_id, body, rater: this.#rater });
    record.body = body;
  }

  /** @param {object} lease @param {string} reason */
  skip(lease, reason) {
    this.#outbox.post({ kind: "skip", id: lease.lease_id, body: { reason }, rater: this.#rater });
  }

  /** The service has acknowledged a message. */
  #arrived({ kind, id, body }, reply) {
    const record = this.#records.get(id);
    this.#records.delete(id);
    if (record) record.answerId = reply.answer_id;
    if (kind !== "amend") this.#session.count(kind === "skip" ? "skipped" : "answered");
    this.#on.onCount();
    if (kind === "skip") this.#on.onRemark("Skipped; you will not be shown it again.", "quiet");
    else this.#on.onRemark(`${kind === "amend" ? "Corrected to" : "Answered"} “${inWords(body)}”.`, "good");
  }

  /** A definite no to a message. */
  #refused(message, error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.denied) {
      this.#on.onDenied(error);
      return;
    }
    const record = this.#records.get(message.id);
    this.#records.delete(message.id);
    if (record) this.#done.remove(record);
    if (error.gone) this.#on.onMissed(message, missed(message, error));
    else if (record) this.#on.onAgain(record, error);
    else this.#on.onRemark(`Not accepted: ${error.message}`, "warn");
  }
}
