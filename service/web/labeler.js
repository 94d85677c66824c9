/** The rules of labeling: what a rater can do with the text on the screen. */

import { Flow } from "./flow.js";
import { COVERED, inWords, REASONS } from "./wording.js";

export class Labeler extends Flow {
  /**
   * What a key or button asks for; anything that makes no sense now is ignored.
   * @param {string} action
   * @param {string} [value]
   */
  act(action, value) {
    const moves = {
      asking: { yes: () => this._choose("yes"), no: () => this._choose("no"), unsure: () => this._choose("unsure"),
        skip: () => this._choose("skip"), undo: () => this._undo(), back: () => this._undone && this._back("Left as it was."),
        confirm: () => this._waker.wake() },
      severity: { digit: () => Number(value) <= 4 && this._send("yes", Number(value)), confirm: () => this._send("yes"),
        back: () => this._ask(), undo: () => this._ask() },
      reason: { digit: () => this._skip(REASONS[value]), confirm: () => this._skip(""), skip: () => this._skip(""),
        back: () => this._ask(), undo: () => this._ask() },
      waiting: { confirm: () => this._waker.wake() },
      empty: { confirm: () => this._next(), undo: () => this._undo() },
      paused: { confirm: () => this._next(), undo: () => this._undo() },
      refused: { confirm: () => this._next() },
    };
    moves[this._state]?.[action]?.();
  }

  /**
   * Reopens an answer of one's own that is stored.
   * @param {{answerId: string, text: string, context: string, task: string, body: object}} record
   */
  async correct(record) {
    if (!["asking", "empty", "paused"].includes(this._state)) return;
    await this._explain(record.task);
    this._reopen(record);
  }

  _ask() {
    this._enter("asking");
    this.view.say("");
    this.view.focusText();
  }

  _choose(answer) {
    if (this.view.covered && answer !== "skip") {
      this.view.say(COVERED, "warn");
      return;
    }
    if (answer === "skip" && this._undone) return;
    if (answer === "no" || answer === "unsure") {
      this._send(answer);
      return;
    }
    this._enter(answer === "yes" ? "severity" : "reason");
    this.view.say(answer === "yes" ? "How severe? 0 to 4, or Enter to leave it open." : "Why? 1 to 5, or Enter to leave it open.");
    this.view.focusChoices(this._state);
  }

  _send(answer, severity) {
    const body = { answer };
    if (severity !== undefined) body.severity = severity;
    if (this.view.note) body.note = this.view.note;
    if (this.view.spans.length > 0) body.spans = this.view.spans;
    if (this._undone) {
      this.said.amend(this._undone, body);
      this._back(`Sending “${inWords(body)}” …`);
      return;
    }
    const { lease } = this.hold;
    body.seconds = Math.min(Math.round((performance.now() - this.shownAt) / 100) / 10, 86_400);
    this.said.answer(lease, body);
    this._next(`Sending “${inWords(body)}” …`);
  }

  _skip(reason) {
    if (reason === undefined) return;
    const said = reason === REASONS[5] && this.view.note ? `${reason}: ${this.view.note}`.slice(0, 2_000) : reason;
    this.said.skip(this.hold.lease, said);
    this._next("Giving it back …");
  }

  /** Reopens the last answer; from there, the one before it. The current lease is kept meanwhile. */
  _undo() {
    const record = this.said.before(this._undone);
    if (!record) {
      this.view.say(this.said.empty ? "You have not answered anything yet." : "There is no earlier answer to correct.");
      return;
    }
    this._reopen(record);
  }
}
