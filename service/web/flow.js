/**
 * Which text is on the screen, and what the replies of the service make of that: one text at a time, leased; the next one
 * leased while it is read, and shown at once while the answer is still on its way; nothing lost when a reply is late.
 * Names that begin with an underscore are for `Labeler` alone, which adds what the rater does.
 */

import { ApiError } from "./api.js";
import { Hold } from "./hold.js";
import { persist, Waker } from "./retry.js";
import { Said } from "./said.js";
import { BREAK, delayed, EMPTY, IDLE, LOST, POLL_SECONDS } from "./wording.js";

/** A key meant for the last text must not answer the next one before it can have been seen. */
const SETTLE_MS = 250;
/** States in which a request is on its way, whose reply decides what comes next. */
const BUSY = new Set(["loading", "sending", "waiting"]);

export class Flow {
  _stop = new AbortController();
  _waker = new Waker(this._stop.signal);
  _tasks = new Map();
  _undone = null;
  _state = "loading";
  _timer;
  /** Counts what was put on the screen, so that a late reply does not replace it. */
  _turn = 0;

  /**
   * @param {{api: import("./api.js").Api, rater: string, view: import("./view.js").View,
   *   session: import("./session.js").Session, guideline: import("./guideline.js").Guideline,
   *   onDenied: (error: Error) => void}} parts
   */
  constructor({ api, rater, view, session, guideline, onDenied }) {
    Object.assign(this, { api, view, session, guideline, onDenied });
    this.how = { waker: this._waker, signal: this._stop.signal, onWait: (error, wait) => this._waiting(error, wait) };
    const how = { ...this.how, onWait: (error, wait) => this._unsent(error, wait) };
    this.said = new Said({ api, session, rater, how }, {
      onRemark: (message, tone) => this._remark(message, tone),
      onMissed: (message, explanation) => this._missed(message, explanation),
      onAgain: (record, error) => this._again(record, error),
      onDenied,
      onCount: () => this._count(),
    });
    this._count();
    this.hold = new Hold(api, { onLost: (error) => this._lost(error), onIdle: () => this._pause(IDLE) });
  }

  /**
   * Sends what a reload or the end of a session interrupted, then begins.
   * @param {object[]} [leases] still held from before
   */
  async start(leases = []) {
    for (const lease of leases) this.hold.add(lease);
    this.hold.check();
    if (this.said.unsent === 0) return this._next();
    this._enter("sending");
    await this.said.drain();
    // A refusal has said what it had to say, and may have ended the work.
    if (this._stop.signal.aborted || !BUSY.has(this._state)) return undefined;
    return this._next("What was not sent before the reload has now arrived.", "good");
  }

  /** Ends this rater's work; the leases go back. */
  stop() {
    this._giveBack();
    clearTimeout(this._timer);
    this._stop.abort();
  }

  /** The session is over, so that nothing can be given back: what was held is for when its rater is back. */
  abandon() {
    const leases = this.hold.handOver();
    this.stop();
    return leases;
  }

  /** The page closes: the leases go back at once, answers on their way get a last chance. */
  leave() {
    this.said.farewell();
    this._giveBack(true);
  }

  /** The page is back from the browser's cache after `leave`. */
  resume() {
    if (!BUSY.has(this._state)) this._next();
  }

  /** The rater takes a break. */
  rest() {
    this._pause(BREAK);
  }

  /** Somebody is there. */
  touch() {
    this.hold.touch();
  }

  /** The text can be read from now on. */
  seen() {
    this.shownAt = performance.now();
  }

  async _next(message = "", tone = "quiet") {
    clearTimeout(this._timer);
    const turn = (this._turn += 1);
    this._undone = null;
    this.hold.forget();
    const ready = this.hold.take();
    if (ready) {
      this._open(ready, message, tone);
      return;
    }
    this._enter("loading");
    try {
      // One name for all attempts: a lease whose reply was lost is given again instead of a second one.
      const name = this.hold.name();
      const lease = await persist(() => this.hold.request(name), this.how);
      if (this._stop.signal.aborted) this.hold.return(lease);
      else if (turn !== this._turn) this.hold.add(lease);
      else if (lease) await this._open(lease, message, tone);
      else this._empty(message);
    } catch (error) {
      this._failed(error);
    }
  }

  async _open(lease, message, tone) {
    this.hold.keep(lease);
    if (!this._tasks.has(lease.task)) await this._explain(lease.task);
    if (this._stop.signal.aborted) return;
    this._show(lease, message, tone);
    this.seen();
    this.hold.prefetch();
  }

  _show(subject, message, tone) {
    this._turn += 1;
    this.view.subject(subject, subject.body);
    this.view.say(message, tone);
    this._settle();
  }

  /** Question and guideline of a task, loaded once. */
  async _explain(name) {
    if (this._tasks.has(name)) return;
    const task = await persist(() => this.api.task(name), this.how);
    this._tasks.clear();
    this._tasks.set(name, task);
    this.view.task(task);
    this.guideline.load(task.guideline ?? "");
  }

  _settle() {
    this._enter("settling");
    this._timer = setTimeout(() => this._enter("asking"), SETTLE_MS);
  }

  /** Says something about an earlier text, unless the rater is in the middle of answering another one. */
  _remark(message, tone = "quiet") {
    if (["asking", "settling"].includes(this._state) && !this._undone) this.view.say(message, tone);
  }

  _count() {
    this.view.progress(this.session.counts, this.said?.unsent ?? 0);
  }

  _reopen(record) {
    clearTimeout(this._timer);
    this._undone = record;
    this._show(record, "");
  }

  /** From a correction to the text that was open before, or to the next one. */
  _back(message, tone = "quiet") {
    this._undone = null;
    if (this.hold.lease) this._show(this.hold.lease, message, tone);
    else this._next(message, tone);
  }

  _empty(message) {
    this._enter("empty");
    this.view.notice({ ...EMPTY, undo: !this.said.empty, said: message });
    this._timer = setTimeout(() => this._poll(), POLL_SECONDS * 1000);
  }

  /** Looks again, but never takes a text for a page that nobody looks at. */
  _poll() {
    if (!document.hidden) {
      this._next();
      return;
    }
    this._timer = setTimeout(() => this._poll(), POLL_SECONDS * 1000);
  }

  _pause(why) {
    if (BUSY.has(this._state)) return;
    this._giveBack();
    clearTimeout(this._timer);
    this._enter("paused");
    this.view.notice({ ...why, undo: !this.said.empty });
  }

  /** The heartbeat learned that the lease is no longer ours. */
  _lost(error) {
    if (error.denied) {
      this.onDenied(error);
      return;
    }
    this.hold.forget();
    // A correction needs no lease; what is being loaded comes with a new one.
    if (!BUSY.has(this._state) && !this._undone) this._next(LOST, "warn");
  }

  /** A request without which work cannot go on has to wait. */
  _waiting(error, seconds) {
    const message = delayed(error, seconds, this.session.unsent);
    this._enter("waiting");
    if (this.said.unsent > 0 && this.view.working) this.view.say(message, "warn");
    else this.view.notice({ title: "One moment", text: message, button: "Try now", undo: false });
  }

  /** A message has to wait; where there is a text to read, work goes on meanwhile. */
  _unsent(error, seconds) {
    if (this._state === "asking" || this._state === "settling") this.view.say(delayed(error, seconds, this.session.unsent), "warn");
    else if (BUSY.has(this._state)) this._waiting(error, seconds);
  }

  /** A definite no to a request. */
  _failed(error) {
    if (this._stop.signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.denied) this.onDenied(error);
    else this._halt(error);
  }

  _missed(message, explanation) {
    if (this._state === "sending") this._next(explanation, "warn");
    else this._remark(explanation, "warn");
    if (message.kind === "answer" && this.hold.lease) this.hold.check();
  }

  /** An answer was not accepted as it was, but its text is still ours: back to it. */
  _again(record, error) {
    clearTimeout(this._timer);
    this._turn += 1;
    this._undone = null;
    this.hold.putBefore(record.lease);
    this.view.subject(record, null, record.body);
    this._enter("asking");
    this.view.say(`Not accepted: ${error.message}`, "warn");
  }

  _halt(error) {
    this._giveBack();
    this._enter("refused");
    this.view.notice({ title: "This did not work", text: error.message, button: "Try again", undo: false });
  }

  _enter(state) {
    this._state = state;
    this.view.state = state;
  }

  _giveBack(leaving = false) {
    this.hold.giveBack(leaving);
    this._undone = null;
  }
}
