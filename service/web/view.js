/** Everything the labeling screen shows. It knows no rules: it is told what to show. */

import { showText } from "./text.js";
import { inWords } from "./wording.js";

const SECTIONS = ["signin", "notice", "work"];

const get = (id) => document.getElementById(id);

export class View {
  /** @param {string} state stands in main[data-state]: signin, loading, settling, asking, severity, sending, waiting, empty, paused, refused. */
  set state(state) {
    get("main").dataset.state = state;
    this.#controls(state);
  }

  /** @param {"signin"|"notice"|"work"|null} name the only section shown */
  section(name) {
    for (const id of SECTIONS) get(id).hidden = id !== name;
    const signedIn = name !== "signin";
    for (const id of ["tools", "progress"]) get(id).hidden = !signedIn;
    if (name === "signin") get("guideline").hidden = true;
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

  /** @param {{answered: number, skipped: number}} counts */
  progress({ answered, skipped }) {
    get("counts").textContent = `${answered} answered${skipped ? ` · ${skipped} skipped` : ""}`;
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
   * @param {{answer: string, severity?: number, note?: string}} [given]
   */
  subject({ text, context }, given) {
    this.section("work");
    showText(get("text-body"), text);
    showText(get("context-text"), context);
    get("context").hidden = context === "";
    get("correcting").hidden = !given;
    get("correcting").textContent = given ? `You answered “${inWords(given)}”. Answer again to correct it, or Esc to keep it.` : "";
    get("note").value = given?.note ?? "";
    this.focusText();
    this.#toTop();
  }

  /** @param {{title: string, text: string, button: string, undo: boolean}} notice */
  notice({ title, text, button, undo }) {
    const fresh = get("notice").hidden;
    this.section("notice");
    get("notice-title").textContent = title;
    get("notice-text").textContent = text;
    get("notice-button").textContent = button;
    get("notice-undo").hidden = !undo;
    if (fresh) get("notice-title").focus();
  }

  /** Whether a text is on the screen. */
  get working() {
    return !get("work").hidden;
  }

  get note() {
    return get("note").value.trim();
  }

  focusNote() {
    get("note").focus();
  }

  focusText() {
    get("text").focus({ preventScroll: true });
  }

  focusSeverity() {
    get("severity").focus({ preventScroll: true });
  }

  foldContext() {
    get("context").open = !get("context").open;
  }

  toggleHelp() {
    const help = get("help");
    if (help.open) help.close();
    else help.showModal();
  }

  #toTop() {
    window.scrollTo(0, 0);
    // What matters of a long context is its end: that is what the text continues.
    get("context-text").scrollTop = get("context-text").scrollHeight;
  }

  #controls(state) {
    const busy = ["loading", "sending", "waiting"].includes(state);
    const correcting = !get("correcting").hidden;
    get("choices").hidden = state === "severity";
    get("severity").hidden = state !== "severity";
    for (const button of get("choices").children) button.disabled = busy;
    for (const id of ["note", "skip", "undo"]) get(id).disabled = busy;
    get("skip").hidden = correcting || state === "severity";
    get("undo").hidden = state === "severity";
    get("back").hidden = !(state === "severity" || (correcting && !busy));
    get("confirm").hidden = !["severity", "waiting"].includes(state);
    get("confirm-name").textContent = state === "waiting" ? "Try now" : "Leave it open";
    get("text").setAttribute("aria-busy", String(busy));
  }
}
