/**
 * The rules of labeling: one text at a time, leased, answered, skipped or corrected; nothing acknowledged twice or lost.
 * The next text is leased while one is read, and shown at once while the answer is still on its way.
 */

import { ApiError } from "./api.js";
import { History } from "./history.js";
import { Hold } from "./hold.js";
import { Outbox } from "./outbox.js";
import { persist, Waker } from "./retry.js";
import { BREAK, COVERED, delayed, EMPTY, IDLE, inWords, LOST, missed, POLL_SECONDS, REASONS } from "./wording.js";

/** A key meant for the last text must not answer the next one before it can have been seen. */
const SETTLE_MS = 250;
/** States in which a request is on its way, whose reply decides what comes next. */
const BUSY = new Set(["loading", "sending", "waiting"]);

export class Labeler {
  #stop = new AbortController();
  #waker = new Waker(this.#stop.signal);
  #tasks = new Map();
  #done = new History();
  #undone = null;
  #records = new Map();
  #state = "loading";
  #timer;
  /** Counts what was put on the screen, so that a late reply does not replace it. */
  #turn = 0;

  /**
   * @param {{api: import("./api.js").Api, rater: string, view: import("./view.js").View,
   *   session: import("./session.js").Session, guideline: import("./guideline.js").Guideline,
   *   onDenied: (error: Error) => void}} parts
   */
  constructor({ api, rater, view, session, guideline, onDenied }) {
    Object.assign(this, { api, rater, view, session, guideline, onDenied });
    this.how = { waker: this.#waker, signal: this.#stop.signal, onWait: (error, wait) => this.#waiting(error, wait) };
    this.outbox = new Outbox(api, session, { ...this.how, onWait: (error, wait) => this.#unsent(error, wait) }, {
      onDone: (message, reply) => this.#arrived(message, reply),
      onRefused: (message, error) => this.#refused(message, error),
      onCount: () => this.#count(),
    });
    this.hold = new Hold(api, { onLost: (error) => this.#lost(error), onIdle: () => this.#pause(IDLE) });
  }

  /**
   * Sends what a reload or the end of a session interrupted, then begins.
   * @param {object[]} [leases] still held from before
   */
  async start(leases = []) {
    this.outbox.only(this.rater);
    for (const lease of leases) this.hold.add(lease);
    this.hold.check();
    if (this.outbox.size === 0) return this.#next();
    this.#enter("sending");
    await this.outbox.drain();
    // A refusal has said what it had to say, and may have ended the work.
    if (this.#stop.signal.aborted || !BUSY.has(this.#state)) return undefined;
    return this.#next("What was not sent before the reload has now arrived.", "good");
  }

  /** Ends this rater's work; the leases go back. */
  stop() {
    this.#giveBack();
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  /** The session is over, so that nothing can be given back: what was held is for when its rater is back. */
  abandon() {
    const leases = this.hold.handOver();
    this.stop();
    return leases;
  }

  /** The page closes: the leases go back at once, answers on their way get a last chance. */
  leave() {
    this.outbox.farewell();
    this.#giveBack(true);
  }

  /** The page is back from the browser's cache after `leave`. */
  resume() {
    if (!BUSY.has(this.#state)) this.#next();
  }

  /** The rater takes a break. */
  rest() {
    this.#pause(BREAK);
  }

  /** Somebody is there. */
  touch() {
    this.hold.touch();
  }

  /** The text can be read from now on. */
  seen() {
    this.shownAt = performance.now();
  }

  /**
   * What a key or button asks for; anything that makes no sense now is ignored.
   * @param {string} action
   * @param {string} [value]
   */
  act(action, value) {
    const moves = {
      asking: { yes: () => this.#choose("yes"), no: () => this.#choose("no"), unsure: () => this.#choose("unsure"),
        skip: () => this.#choose("skip"), undo: () => this.#undo(), back: () => this.#undone && this.#back("Left as it was."),
        confirm: () => this.#waker.wake() },
      severity: { digit: () => Number(value) <= 4 && this.#send("yes", Number(value)), confirm: () => this.#send("yes"),
        back: () => this.#ask(), undo: () => this.#ask() },
      reason: { digit: () => this.#skip(REASONS[value]), confirm: () => this.#skip(""), skip: () => this.#skip(""),
        back: () => this.#ask(), undo: () => this.#ask() },
      waiting: { confirm: () => this.#waker.wake() },
      empty: { confirm: () => this.#next(), undo: () => this.#undo() },
      paused: { confirm: () => this.#next(), undo: () => this.#undo() },
      refused: { confirm: () => this.#next() },
    };
    moves[this.#state]?.[action]?.();
  }

  /**
   * Reopens an answer of one's own that is stored.
   * @param {{answerId: string, text: string, context: string, task: string, body: object}} record
   */
  async correct(record) {
    if (!["asking", "empty", "paused"].includes(this.#state)) return;
    await this.#explain(record.task);
    this.#reopen(record);
  }

  async #next(message = "", tone = "quiet") {
    clearTimeout(this.#timer);
    const turn = (this.#turn += 1);
    this.#undone = null;
    this.hold.forget();
    const ready = this.hold.take();
    if (ready) {
      this.#open(ready, message, tone);
      return;
    }
    this.#enter("loading");
    try {
      // One name for all attempts: a lease whose reply was lost is given again instead of a second one.
      const name = this.hold.name();
      const lease = await persist(() => this.hold.request(name), this.how);
      if (this.#stop.signal.aborted) this.hold.return(lease);
      else if (turn !== this.#turn) this.hold.add(lease);
      else if (lease) await this.#open(lease, message, tone);
      else this.#empty(message);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #open(lease, message, tone) {
    this.hold.keep(lease);
    if (!this.#tasks.has(lease.task)) await this.#explain(lease.task);
    if (this.#stop.signal.aborted) return;
    this.#show(lease, message, tone);
    this.seen();
    this.hold.prefetch();
  }

  #show(subject, message, tone) {
    this.#turn += 1;
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
    if (this.view.covered && answer !== "skip") {
      this.view.say(COVERED, "warn");
      return;
    }
    if (answer === "skip" && this.#undone) return;
    if (answer === "no" || answer === "unsure") {
      this.#send(answer);
      return;
    }
    this.#enter(answer === "yes" ? "severity" : "reason");
    this.view.say(answer === "yes" ? "How severe? 0 to 4, or Enter to leave it open." : "Why? 1 to 5, or Enter to leave it open.");
    this.view.focusChoices(this.#state);
  }

  #send(answer, severity) {
    const body = { answer };
    if (severity !== undefined) body.severity = severity;
    if (this.view.note) body.note = this.view.note;
    if (this.view.spans.length > 0) body.spans = this.view.spans;
    if (this.#undone) {
      this.#amend(this.#undone, body);
      return;
    }
    const { lease } = this.hold;
    body.seconds = Math.min(Math.round((performance.now() - this.shownAt) / 100) / 10, 86_400);
    const record = { answerId: null, lease, text: lease.text, context: lease.context, task: lease.task, body };
    this.#done.add(record);
    this.#records.set(lease.lease_id, record);
    this.outbox.post({ kind: "answer", id: lease.lease_id, body, rater: this.rater });
    this.#next(`Sending “${inWords(body)}” …`);
  }

  #amend(record, body) {
    this.outbox.post({ kind: "amend", id: record.answerId, of: record.lease?.lease_id, body, rater: this.rater });
    record.body = body;
    this.#back(`Sending “${inWords(body)}” …`);
  }

  #skip(reason) {
    if (reason === undefined) return;
    const said = reason === REASONS[5] && this.view.note ? `${reason}: ${this.view.note}`.slice(0, 2_000) : reason;
    this.outbox.post({ kind: "skip", id: this.hold.lease.lease_id, body: { reason: said }, rater: this.rater });
    this.#next("Giving it back …");
  }

  /** The service has acknowledged a message. */
  #arrived({ kind, id, body }, reply) {
    if (kind === "answer") {
      const record = this.#records.get(id);
      this.#records.delete(id);
      if (record) record.answerId = reply.answer_id;
    }
    if (kind !== "amend") this.session.count(kind === "skip" ? "skipped" : "answered");
    this.#count();
    if (kind === "skip") this.#remark("Skipped; you will not be shown it again.");
    else this.#remark(`${kind === "amend" ? "Corrected to" : "Answered"} “${inWords(body)}”.`, "good");
  }

  /** Says something about an earlier text, unless the rater is in the middle of answering another one. */
  #remark(message, tone = "quiet") {
    if (["asking", "settling"].includes(this.#state) && !this.#undone) this.view.say(message, tone);
  }

  #count() {
    this.view.progress(this.session.counts, this.outbox.size);
  }

  /** Reopens the last answer; from there, the one before it. The current lease is kept meanwhile. */
  #undo() {
    const record = this.#done.before(this.#undone);
    if (!record) {
      this.view.say(this.#done.empty ? "You have not answered anything yet." : "There is no earlier answer to correct.");
      return;
    }
    this.#reopen(record);
  }

  #reopen(record) {
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
    this.view.notice({ ...EMPTY, text: EMPTY.text, undo: !this.#done.empty, said: message });
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

  #pause(why) {
    if (BUSY.has(this.#state)) return;
    this.#giveBack();
    clearTimeout(this.#timer);
    this.#enter("paused");
    this.view.notice({ ...why, undo: !this.#done.empty });
  }

  /** The heartbeat learned that the lease is no longer ours. */
  #lost(error) {
    if (error.denied) {
      this.onDenied(error);
      return;
    }
    this.hold.forget();
    // A correction needs no lease; what is being loaded comes with a new one.
    if (!BUSY.has(this.#state) && !this.#undone) this.#next(LOST, "warn");
  }

  /** A request without which work cannot go on has to wait. */
  #waiting(error, seconds) {
    const message = delayed(error, seconds, this.session.unsent);
    this.#enter("waiting");
    if (this.outbox.size > 0 && this.view.working) this.view.say(message, "warn");
    else this.view.notice({ title: "One moment", text: message, button: "Try now", undo: false });
  }

  /** A message has to wait; where there is a text to read, work goes on meanwhile. */
  #unsent(error, seconds) {
    if (this.#state === "asking" || this.#state === "settling") this.view.say(delayed(error, seconds, this.session.unsent), "warn");
    else if (BUSY.has(this.#state)) this.#waiting(error, seconds);
  }

  /** A definite no to a request. */
  #failed(error) {
    if (this.#stop.signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.denied) this.onDenied(error);
    else this.#halt(error);
  }

  /** A definite no to a message. */
  #refused(message, error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.denied) {
      this.onDenied(error);
      return;
    }
    const record = this.#records.get(message.id);
    this.#records.delete(message.id);
    if (record) this.#done.remove(record);
    if (error.gone) this.#missed(message, error);
    else if (record) this.#again(record, error);
    else this.#remark(`Not accepted: ${error.message}`, "warn");
  }

  #missed(message, error) {
    const explanation = missed(message, error);
    if (this.#state === "sending") this.#next(explanation, "warn");
    else this.#remark(explanation, "warn");
    if (message.kind === "answer" && this.hold.lease) this.hold.check();
  }

  /** An answer was not accepted as it was, but its text is still ours: back to it. */
  #again(record, error) {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#undone = null;
    this.hold.putBefore(record.lease);
    this.view.subject(record, null, record.body);
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
    this.hold.giveBack(leaving);
    this.#undone = null;
  }
}
