/** Everything the labeling screen shows. It knows no rules: it is told what to show. */

import { Marks } from "./marks.js";
import { showText } from "./text.js";
import { inWords } from "./wording.js";

const SECTIONS = ["signin", "notice", "work"];
/** A context of more characters than this is folded until the rater wants to see it. */
const LONG_CONTEXT = 600;

const get = (id) => document.getElementById(id);

export class View {
  #marks = new Marks();
  #unfold = false;

  /** @param {() => boolean} [covers] whether texts are covered until asked for */
  constructor(covers = () => false) {
    this.covers = covers;
  }

  /** @param {string} state stands in main[data-state]: signin, loading, settling, asking, severity, reason, sending, waiting, empty, paused, refused. */
  set state(state) {
    get("main").dataset.state = state;
    this.#controls(state);
  }

  /** @param {"signin"|"notice"|"work"|null} name the only section shown */
  section(name) {
    for (const id of SECTIONS) get(id).hidden = id !== name;
    const signedIn = name !== "signin";
    for (const id of ["tools", "progress"]) get(id).hidden = !signedIn;
    if (name === "signin") for (const id of ["guideline", "break"]) get(id).hidden = true;
  }

  /** @param {string} message @param {"quiet"|"good"|"warn"} tone */
  say(message, tone = "quiet") {
    get("status").textContent = message;
    get("status").dataset.tone = tone;
  }

  /** @param {string} message why signing in is needed or failed; empty for none */
  askForKey(message = "") {
    this.state = "signin";
    this.section("signin");
    get("signin-error").textContent = message;
    get("key").setAttribute("aria-invalid", String(message !== ""));
    get("key").focus();
  }

  /** @param {{answered: number, skipped: number}} counts @param {number} unsent answers on their way */
  progress({ answered, skipped }, unsent = 0) {
    get("main").dataset.unsent = String(unsent);
    get("counts").textContent = `${answered} answered`;
    get("skipped").textContent = skipped ? ` · ${skipped} skipped` : "";
    get("unsent").textContent = unsent > 1 ? `${unsent} on their way` : "";
  }

  /** @param {{question: string, yes?: string, no?: string}} task */
  task({ question, yes = "", no = "" }) {
    get("question").textContent = question;
    get("hint-yes").textContent = yes;
    get("hint-no").textContent = no;
  }

  /**
   * A text to judge; with `given`, one whose answer is being corrected.
   * @param {{text: string, context: string}} subject
   * @param {{answer: string, severity?: number, note?: string, spans?: object[]}} [given]
   * @param {object} [draft] an answer that was not accepted, to go on from
   */
  subject({ text, context }, given, draft = given) {
    this.section("work");
    const shown = showText(get("text-body"), text);
    showText(get("context-text"), context);
    this.#context(context);
    get("correcting").hidden = !given;
    get("correcting").textContent = given ? `You answered “${inWords(given)}”. Answer again to correct it, or Esc to keep it.` : "";
    get("note").value = draft?.note ?? "";
    this.#marks.open(shown, draft?.spans ?? []);
    this.#cover(this.covers());
    this.focusText();
    this.#toTop();
  }

  /** @param {{title: string, text: string, button: string, undo: boolean, said?: string}} notice */
  notice({ title, text, button, undo, said = "" }) {
    const fresh = get("notice").hidden;
    this.section("notice");
    get("notice-title").textContent = title;
    get("notice-text").textContent = `${said} ${text}`.trim();
    get("notice-button").textContent = button;
    get("notice-undo").hidden = !undo;
    get("break").hidden = true;
    if (fresh) get("notice-title").focus();
  }

  /** Whether a text is on the screen. */
  get working() {
    return !get("work").hidden;
  }

  /** Whether the text on the screen cannot be read yet. */
  get covered() {
    return this.working && !get("cover").hidden;
  }

  get note() {
    return get("note").value.trim();
  }

  /** What is marked, as {start, end} in code points. */
  get spans() {
    return this.#marks.spans;
  }

  uncover() {
    this.#cover(false);
    this.focusText();
  }

  /** Marks what is selected, or begins or ends marking. */
  mark() {
    if (!this.#marks.toggle()) this.focusText();
  }

  /** Ends marking; false where nothing was being marked. */
  leaveMarking() {
    const { active } = this.#marks;
    if (active) this.#marks.leave();
    return active;
  }

  focusNote() {
    get("note").focus();
  }

  focusText() {
    get("text").focus({ preventScroll: true });
  }

  /** @param {"severity"|"reason"} name */
  focusChoices(name) {
    get(name).focus({ preventScroll: true });
  }

  foldContext() {
    get("context").open = !get("context").open;
    if (get("context-text").textContent.length > LONG_CONTEXT) this.#unfold = get("context").open;
    this.#toEnd();
  }

  toggleHelp() {
    const help = get("help");
    if (help.open) help.close();
    else help.showModal();
  }

  /** Long contexts stay folded until one was unfolded. */
  #context(context) {
    get("context").hidden = context === "";
    get("context").open = this.#unfold || context.length <= LONG_CONTEXT;
    get("context-length").textContent = context.length > LONG_CONTEXT ? `, ${context.length.toLocaleString("en")} characters` : "";
  }

  #cover(covered) {
    get("cover").hidden = !covered;
    for (const id of ["text-body", "context"]) Object.assign(get(id), { inert: covered, ariaHidden: covered ? "true" : null });
    get("text").toggleAttribute("data-covered", covered);
    get("context").toggleAttribute("data-covered", covered);
  }

  #toTop() {
    window.scrollTo(0, 0);
    this.#toEnd();
  }

  /** What matters of a long context is its end: that is what the text continues. */
  #toEnd() {
    get("context-text").scrollTop = get("context-text").scrollHeight;
  }

  #controls(state) {
    const busy = ["loading", "sending", "waiting"].includes(state);
    const asked = state === "severity" || state === "reason";
    const correcting = !get("correcting").hidden;
    get("choices").hidden = asked;
    for (const id of ["severity", "reason"]) get(id).hidden = state !== id;
    for (const button of get("choices").children) button.disabled = busy;
    for (const id of ["note", "mark", "skip", "undo"]) get(id).disabled = busy;
    get("skip").hidden = correcting || asked;
    for (const id of ["undo", "mark"]) get(id).hidden = asked;
    get("back").hidden = !(asked || (correcting && !busy));
    get("confirm").hidden = !(asked || state === "waiting");
    get("confirm-name").textContent = state === "waiting" ? "Try now" : "Leave it open";
    get("text").setAttribute("aria-busy", String(busy));
    if (busy || asked) this.#marks.leave();
  }
}
