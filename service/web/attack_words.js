/** The words of a text as buttons, coloured and underlined by how much of the answer hangs on each. */

import { showText } from "./text.js";

const WORD = /\p{L}+(?:['\u2019-]\p{L}+)*/gu;
const LEVELS = [0.12, 0.3, 0.55, 0.8];
const SAYS = {
  "-2": "speaks strongly against yes", "-1": "speaks against yes", 0: "", 1: "holds yes up a little", 2: "holds yes up",
  3: "holds yes up strongly", 4: "holds yes up most",
};

/** @typedef {{start: number, end: number, word: string}} Span places in characters (code points) */

export class Words {
  #box;
  #buttons = [];
  #spans = [];

  /** @param {Element} box @param {(span: Span) => void} onChosen a word was clicked, or Enter pressed on it */
  constructor(box, onChosen) {
    this.#box = box;
    box.addEventListener("click", (event) => {
      const at = this.#buttons.indexOf(event.target.closest(".word"));
      if (at >= 0) onChosen(this.#spans[at]);
    });
    box.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Shows a text, without colours until `weigh` brings them. @param {string} text */
  show(text) {
    const focused = this.#buttons.indexOf(document.activeElement);
    const parts = [];
    this.#buttons = [];
    this.#spans = [];
    let shown = 0;
    let points = 0;
    for (const match of text.matchAll(WORD)) {
      const between = text.slice(shown, match.index);
      parts.push(piece(between));
      points += [...between].length;
      const length = [...match[0]].length;
      this.#spans.push({ start: points, end: points + length, word: match[0] });
      this.#buttons.push(button(match[0]));
      parts.push(this.#buttons.at(-1));
      points += length;
      shown = match.index + match[0].length;
    }
    parts.push(piece(text.slice(shown)));
    this.#box.replaceChildren(...parts);
    this.#stop(Math.max(0, focused));
    if (focused >= 0) this.#buttons[Math.min(focused, this.#buttons.length - 1)]?.focus();
  }

  /** Colours the words. @param {{start: number, saliency: number}[]} weights of the text that is shown */
  weigh(weights) {
    const by = new Map(weights.map(({ start, saliency }) => [start, saliency]));
    const most = Math.max(1e-9, ...weights.map(({ saliency }) => Math.abs(saliency)));
    this.#buttons.forEach((each, at) => {
      const level = leveled((by.get(this.#spans[at].start) ?? 0) / most);
      each.dataset.level = level;
      each.setAttribute("aria-label", [this.#spans[at].word, SAYS[level]].filter(Boolean).join(", "));
    });
  }

  /** Marks the word that suggestions are for; none with null. @param {Span|null} span */
  mark(span) {
    this.#buttons.forEach((each, at) => each.setAttribute("aria-pressed", String(this.#spans[at].start === span?.start && span.end > span.start)));
  }

  /** Moves the focus to the word at a place; false where there is none. @param {number} start */
  focus(start) {
    const at = this.#spans.findIndex((span) => span.start === start);
    if (at < 0) return false;
    this.#stop(at);
    this.#buttons[at].focus();
    return true;
  }

  /** The word at, or just before, a place; an empty span where there is none. @param {number} point */
  at(point) {
    return this.#spans.find(({ start, end }) => start <= point && point <= end) ?? { start: point, end: point, word: "" };
  }

  #move(event) {
    const from = this.#buttons.indexOf(document.activeElement);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: this.#buttons.length - 1 }[event.key];
    if (from < 0 || to === undefined || !this.#buttons[to]) return;
    event.preventDefault();
    this.#stop(to);
    this.#buttons[to].focus();
  }

  /** One word can be reached by Tab, the others from there by arrow keys. */
  #stop(at) {
    this.#buttons.forEach((each, place) => { each.tabIndex = place === at ? 0 : -1; });
  }
}

function button(word) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "word";
  element.dataset.level = "0";
  element.textContent = word;
  element.setAttribute("aria-pressed", "false");
  return element;
}

function piece(text) {
  const element = document.createElement("span");
  showText(element, text);
  return element;
}

function leveled(share) {
  if (share < 0) return share < -0.5 ? -2 : share < -0.12 ? -1 : 0;
  return LEVELS.filter((least) => share >= least).length;
}
