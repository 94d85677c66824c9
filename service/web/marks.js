/** Marking the words that show it: by selecting them, by tapping them, or by walking through them with the arrow keys. */

import { fromPoints, toPoints, trimmed, withPart, words } from "./spans.js";
import { showText } from "./text.js";

/** Names of the highlights in the style sheet. */
const MARKED = "marked";
const WALKED = "walked";
/** As many as the service takes. */
const MOST = 100;

const get = (id) => document.getElementById(id);

export class Marks {
  #shown = null;
  #parts = [];
  #words = null;
  #from = 0;
  #to = 0;

  constructor() {
    get("text-body").addEventListener("click", (event) => this.active && this.#tap(event));
    get("marker").addEventListener("keydown", (event) => this.#key(event));
    // The button must not take the selection away before it is read.
    get("mark").addEventListener("pointerdown", (event) => event.preventDefault());
    get("marks").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.#remove(Number(button.dataset.index));
    });
  }

  /** @param {import("./text.js").Shown} shown @param {{start: number, end: number}[]} spans marked before */
  open(shown, spans = []) {
    this.leave();
    this.#shown = shown;
    this.#words = null;
    this.#from = this.#to = 0;
    this.#set(fromPoints(spans, shown.text));
  }

  /** What is marked, as the service takes it. */
  get spans() {
    return this.#shown ? toPoints(this.#parts, this.#shown.text) : [];
  }

  /** Whether words are being marked now. */
  get active() {
    return !get("marker").hidden;
  }

  /** Marks what is selected; where nothing is, begins or ends marking by taps and arrows. Whether it goes on. */
  toggle() {
    if (this.#markSelection()) return false;
    if (this.active) {
      this.leave();
      return false;
    }
    this.#words ??= words(this.#shown.text);
    if (this.#words.length === 0) return false;
    get("marker").hidden = false;
    get("mark").setAttribute("aria-pressed", "true");
    get("text").dataset.marking = "";
    get("marker").focus({ preventScroll: true });
    this.#walk(this.#from, this.#to);
    return true;
  }

  leave() {
    get("marker").hidden = true;
    get("mark").setAttribute("aria-pressed", "false");
    delete get("text").dataset.marking;
    highlight(WALKED, []);
  }

  #markSelection() {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || selection.rangeCount === 0) return false;
    const { startContainer, startOffset, endContainer, endOffset } = selection.getRangeAt(0);
    const start = this.#shown.offsetOf(startContainer, startOffset);
    const end = this.#shown.offsetOf(endContainer, endOffset, true);
    const part = start === null || end === null ? null : trimmed([start, end], this.#shown.text);
    if (part) {
      this.#add(part);
      selection.removeAllRanges();
    }
    return Boolean(part);
  }

  /** A tap on a word marks it, one on a marked word takes the mark away; a drag marks what it selected. */
  #tap({ clientX, clientY }) {
    if (this.#markSelection()) return;
    const at = this.#offsetAt(clientX, clientY);
    const index = this.#words.findIndex(([start, end]) => start <= at && at < end);
    if (at === null || index < 0) return;
    const marked = this.#parts.findIndex(([start, end]) => start <= at && at < end);
    if (marked < 0) this.#add(this.#words[index]);
    else this.#remove(marked);
    this.#walk(index, index);
  }

  #offsetAt(x, y) {
    const place = document.caretPositionFromPoint?.(x, y);
    if (place) return this.#shown.offsetOf(place.offsetNode, place.offset);
    const range = document.caretRangeFromPoint?.(x, y);
    return range ? this.#shown.offsetOf(range.startContainer, range.startOffset) : null;
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    const acts = { Enter: () => this.#add(this.#walked), " ": () => this.#add(this.#walked), Backspace: () => this.#unmark(), Delete: () => this.#unmark() };
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || acts[event.key])) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) this.#step(step, event.shiftKey);
    else if (!event.repeat) acts[event.key]();
  }

  #step(by, extend) {
    const to = Math.min(Math.max(this.#to + by, 0), this.#words.length - 1);
    this.#walk(extend ? this.#from : to, to);
  }

  /** The words between which the arrows have walked, as one part. */
  get #walked() {
    const [first, last] = this.#from <= this.#to ? [this.#from, this.#to] : [this.#to, this.#from];
    return [this.#words[first][0], this.#words[last][1]];
  }

  #walk(from, to) {
    this.#from = from;
    this.#to = to;
    const range = this.#shown.range(...this.#walked);
    highlight(WALKED, [range]);
    showText(get("marker-words"), this.#shown.text.slice(...this.#walked).slice(0, 80));
    const { top, bottom } = range.getBoundingClientRect();
    const end = get("answers").getBoundingClientRect().top;
    if (top < 60 || bottom > end) window.scrollBy(0, top - end / 2);
  }

  #unmark() {
    const [start, end] = this.#walked;
    this.#set(this.#parts.filter((part) => part[1] <= start || part[0] >= end));
  }

  #add(part) {
    const parts = withPart(this.#parts, part, this.#shown.text);
    if (parts.length <= MOST) this.#set(parts);
  }

  #remove(index) {
    this.#set(this.#parts.filter((_, at) => at !== index));
    if (this.active) get("marker").focus({ preventScroll: true });
    else get("text").focus({ preventScroll: true });
  }

  #set(parts) {
    this.#parts = parts;
    highlight(MARKED, parts.map((part) => this.#shown.range(...part)));
    get("marks").replaceChildren(...parts.map((part, index) => entry(this.#shown.text.slice(...part), index)));
    get("marks").hidden = parts.length === 0;
  }
}

function entry(part, index) {
  const [item, button, said, words] = ["li", "button", "span", "q"].map((name) => document.createElement(name));
  showText(words, part.length > 60 ? `${part.slice(0, 60)}…` : part);
  words.dir = "auto";
  said.className = "visually-hidden";
  said.textContent = "Remove the mark: ";
  Object.assign(button, { type: "button" });
  button.dataset.index = String(index);
  button.append(said, words, cross());
  item.append(button);
  return item;
}

function cross() {
  const sign = document.createElement("span");
  sign.textContent = " ✕";
  sign.setAttribute("aria-hidden", "true");
  return sign;
}

/** Old browsers have no highlights; the list of marked words is there all the same. */
function highlight(name, ranges) {
  if (typeof Highlight === "function") CSS.highlights.set(name, new Highlight(...ranges));
}
