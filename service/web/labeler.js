/** The rules of labeling: one text at a time, leased, answered, skipped or corrected; nothing acknowledged twice or lost. */

import { ApiError } from "./api.js";
import { History } from "./history.js";
import { Hold } from "./hold.js";
import { Outbox } from "./outbox.js";
import { persist, Waker } from "./retry.js";
import { delayed, EMPTY, IDLE, inWords, LOST, missed, POLL_SECONDS } from "./wording.js";

/** A key meant for the last text must not answer the next one before it can have been seen. */
const SETTLE_MS = 250;
/** States in which a request is on its way, whose reply decides what comes next. */
const BUSY = new Set(["loading", "sending", "waiting"]);

/** 128 random bits; randomUUID would be missing on a page without TLS. */
const randomName = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

export class Labeler {
  #stop = new AbortController();
  #waker = new Waker(this.#stop.signal);
  #tasks = new Map();
  #done = new History();
  #undone = null;
  #state = "loading";
  #timer;

  /**
   * @param {{api: import("./api.js").Api, rater: string, view: import("./view.js").View,
   *   session: import("./session.js").Session, guideline: import("./guideline.js").Guideline,
   *   onDenied: (error: Error) => void}} parts
   */
  constructor({ api, rater, view, session, guideline, onDenied }) {
    Object.assign(this, { api, rater, view, session, guideline, onDenied });
    this.how = { waker: this.#waker, signal: this.#stop.signal, onWait: (error, wait) => this.#waiting(error, wait) };
    this.outbox = new Outbox(api, session, this.how);
    this.hold = new Hold(api, { onLost: (error) => this.#lost(error), onIdle: () => this.#pause() });
  }

  /** Sends what a reload interrupted, then begins. */
  async start() {
    this.view.progress(this.session.counts);
    const left = this.session.pending;
    if (left?.rater !== this.rater) {
      this.session.pending = null;
      return this.#next();
    }
    this.#enter("sending");
    return this.#deliver(left, () => this.#next("What was not sent before the reload has now arrived.", "good"));
  }

  /** Ends this rater's work; the lease goes back. */
  stop() {
    this.#giveBack();
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  /** The page closes: the lease goes back at once, an answer on its way gets a last chance. */
  leave() {
    this.outbox.farewell();
    this.#giveBack(true);
  }

  /** The page is back from the browser's cache after `leave`. */
  resume() {
    if (!BUSY.has(this.#state)) this.#next();
  }

  /**
   * What a key or button asks for; anything that makes no sense now is ignored.
   * @param {string} action
   * @param {string} [value]
   */
  act(action, value) {
    this.hold.touch();
    const moves = {
      asking: { yes: () => this.#choose("yes"), no: () => this.#choose("no"), unsure: () => this.#choose("unsure"),
        skip: () => this.#skip(), undo: () => this.#undo(), back: () => this.#undone && this.#back("Left as it was.") },
      severity: { severity: () => this.#send("yes", Number(value)), confirm: () => this.#send("yes"),
        back: () => this.#ask(), undo: () => this.#ask() },
      waiting: { confirm: () => this.#waker.wake() },
      empty: { confirm: () => this.#next(), undo: () => this.#undo() },
      paused: { confirm: () => this.#next(), undo: () => this.#undo() },
      refused: { confirm: () => this.#next() },
    };
    moves[this.#state]?.[action]?.();
  }

  async #next(message = "", tone = "quiet") {
    clearTimeout(this.#timer);
    this.#undone = null;
    this.hold.forget();
    this.#enter("loading");
    try {
      // One name for all attempts: a lease whose reply was lost is given again instead of a second one.
      const name = randomName();
      const lease = await persist(() => this.hold.request(name), this.how);
      if (this.#stop.signal.aborted) this.hold.return(lease);
      else if (lease) await this.#open(lease, message, tone);
      else this.#empty(message);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #open(lease, message, tone) {
    this.hold.keep(lease);
    await this.#explain(lease.task);
    if (this.#stop.signal.aborted) return;
    this.shownAt = performance.now();
    this.#show(lease, message, tone);
  }

  #show(subject, message, tone) {
    this.view.subject(subject, subject.body);
    this.view.say(message, tone);
    this.#settle();
  }

  /** Question and guideline of a task, loaded once. */
  async #explain(name) {
    if (this.#tasks.has(name)) return;
    const task = await persist(() => this.api.task(name), this.how);
    this.#tasks.clear();
    this.#tasks.set(name, task);
    this.view.task(task);
    this.guideline.load(task.guideline ?? "");
  }

  #settle() {
    this.#enter("settling");
    this.#timer = setTimeout(() => this.#enter("asking"), SETTLE_MS);
  }

  #ask() {
    this.#enter("asking");
    this.view.say("");
    this.view.focusText();
  }

  #choose(answer) {
    if (answer !== "yes") {
      this.#send(answer);
      return;
    }
    this.#enter("severity");
    this.view.say("How severe? 0 to 4, or Enter to leave it open.");
    this.view.focusSeverity();
  }

  #send(answer, severity) {
    const body = { answer };
    if (severity !== undefined) body.severity = severity;
    if (this.view.note) body.note = this.view.note;
    const said = inWords(body);
    this.#enter("sending");
    this.view.say(`Sending “${said}” …`);
    if (this.#undone) return this.#amend(this.#undone, body, said);
    const { lease_id: id, text, context } = this.hold.lease;
    body.seconds = Math.min(Math.round((performance.now() - this.shownAt) / 100) / 10, 86_400);
    return this.#deliver({ kind: "answer", id, body, rater: this.rater }, (receipt) => {
      this.#done.add({ answerId: receipt.answer_id, text, context, body });
      this.#next(`Answered “${said}”.`, "good");
    });
  }

  #amend(record, body, said) {
    return this.#deliver({ kind: "amend", id: record.answerId, body, rater: this.rater }, () => {
      record.body = body;
      this.#back(`Corrected to “${said}”.`, "good");
    });
  }

  #skip() {
    if (this.#undone) return;
    this.#enter("sending");
    this.view.say("Giving it back …");
    this.#deliver({ kind: "skip", id: this.hold.lease.lease_id, body: {}, rater: this.rater }, () => {
      this.session.count("skipped");
      this.#next("Skipped; you will not be shown it again.");
    });
  }

  async #deliver(message, then) {
    try {
      const reply = await this.outbox.deliver(message);
      if (this.#stop.signal.aborted) return;
      if (message.kind !== "skip") this.#arrived(message);
      then(reply);
    } catch (error) {
      this.#failed(error, message);
    }
  }

  #arrived(message) {
    if (message.kind === "answer") this.session.count("answered");
    this.view.progress(this.session.counts);
  }

  /** Reopens the last answer; from there, the one before it. The current lease is kept meanwhile. */
  #undo() {
    const record = this.#done.before(this.#undone);
    if (!record) {
      this.view.say(this.#done.empty ? "You have not answered anything yet." : "There is no earlier answer to correct.");
      return;
    }
    clearTimeout(this.#timer);
    this.#undone = record;
    this.#show(record, "");
  }

  /** From a correction to the text that was open before, or to the next one. */
  #back(message, tone = "quiet") {
    this.#undone = null;
    if (this.hold.lease) this.#show(this.hold.lease, message, tone);
    else this.#next(message, tone);
  }

  #empty(message) {
    this.#enter("empty");
    this.view.notice({ ...EMPTY, text: `${message} ${EMPTY.text}`.trim(), undo: !this.#done.empty });
    this.#timer = setTimeout(() => this.#poll(), POLL_SECONDS * 1000);
  }

  /** Looks again, but never takes a text for a page that nobody looks at. */
  #poll() {
    if (!document.hidden) {
      this.#next();
      return;
    }
    this.#timer = setTimeout(() => this.#poll(), POLL_SECONDS * 1000);
  }

  #pause() {
    if (BUSY.has(this.#state)) return;
    this.#giveBack();
    clearTimeout(this.#timer);
    this.#enter("paused");
    this.view.notice({ ...IDLE, undo: !this.#done.empty });
  }

  /** The heartbeat learned that the lease is no longer ours. */
  #lost(error) {
    if (error.denied) {
      this.onDenied(error);
      return;
    }
    this.hold.forget();
    // A message on its way learns the same from its own reply, and a correction needs no lease.
    if (!BUSY.has(this.#state) && !this.#undone) this.#next(LOST, "warn");
  }

  #waiting(error, seconds) {
    const unsent = this.session.pending;
    const message = delayed(error, seconds, unsent);
    this.#enter("waiting");
    if (unsent && this.view.working) this.view.say(message, "warn");
    else this.view.notice({ title: "One moment", text: message, button: "Try now", undo: false });
  }

  /** A definite no to a request; `message` is what was being sent, if anything. */
  #failed(error, message) {
    if (this.#stop.signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.denied) this.onDenied(error);
    else if (message && error.gone) this.#missed(missed(message, error));
    else if (message && this.view.working) this.#refuse(error);
    else this.#halt(error);
  }

  #missed(explanation) {
    if (this.#undone) this.#back(explanation, "warn");
    else this.#next(explanation, "warn");
  }

  #refuse(error) {
    this.#enter("asking");
    this.view.say(`Not accepted: ${error.message}`, "warn");
  }

  #halt(error) {
    this.#giveBack();
    this.#enter("refused");
    this.view.notice({ title: "This did not work", text: error.message, button: "Try again", undo: false });
  }

  #enter(state) {
    this.#state = state;
    this.view.state = state;
  }

  #giveBack(leaving = false) {
    // An answer on its way decides over its lease itself.
    if (this.session.pending?.id === this.hold.lease?.lease_id) this.hold.forget();
    else this.hold.giveBack(leaving);
    this.#undone = null;
  }
}
