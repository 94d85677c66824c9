/** The guideline beside the text: shown, hidden, searched. */

import { markdown } from "./markdown.js";

const WIDE = window.matchMedia("(min-width: 64rem)");
/** Names of the highlights in the style sheet. */
const ALL = "found";
const CURRENT = "found-now";

export class Guideline {
  #panel = document.getElementById("guideline");
  #text = document.getElementById("guideline-text");
  #field = document.getElementById("search");
  #found = document.getElementById("found");
  #button = document.getElementById("guideline-button");
  #ranges = [];
  #at = -1;

  constructor() {
    this.#field.addEventListener("input", () => this.#search());
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#step(event.shiftKey ? -1 : 1);
    });
  }

  /** @param {string} source Markdown */
  load(source) {
    this.#text.replaceChildren(...markdown(source));
    this.show(WIDE.matches);
  }

  get hasFocus() {
    return this.#panel.contains(document.activeElement);
  }

  /** @param {boolean} shown */
  show(shown) {
    this.#panel.hidden = !shown;
    this.#button.setAttribute("aria-expanded", String(shown));
  }

  /** Goes to the guideline; from inside it, closes it. Returns whether it now has the focus. */
  toggle() {
    const open = this.#panel.hidden || !this.hasFocus;
    this.show(open);
    if (open) this.#panel.focus();
    return open;
  }

  find() {
    this.show(true);
    this.#field.focus();
    this.#field.select();
  }

  /** Leaves the search or, on a small screen where it covers the text, closes the panel. */
  leave() {
    this.#field.value = "";
    this.#search();
    if (!WIDE.matches) this.show(false);
  }

  #search() {
    const wanted = this.#field.value.trim().toLowerCase();
    this.#ranges = wanted ? occurrences(this.#text, wanted) : [];
    this.#at = -1;
    CSS.highlights?.delete(CURRENT);
    CSS.highlights?.set(ALL, new Highlight(...this.#ranges));
    if (this.#ranges.length > 0) this.#step(1);
    else this.#found.textContent = wanted ? "not found" : "";
  }

  #step(by) {
    const count = this.#ranges.length;
    if (count === 0) return;
    this.#at = (this.#at + by + count) % count;
    this.#found.textContent = `${this.#at + 1} of ${count}`;
    CSS.highlights?.set(CURRENT, new Highlight(this.#ranges[this.#at]));
    this.#scrollTo(this.#ranges[this.#at]);
  }

  /** Only the panel moves: the text beside it stays where the rater was reading. */
  #scrollTo(range) {
    const panel = this.#panel.getBoundingClientRect();
    this.#panel.scrollTop += range.getBoundingClientRect().top - panel.top - panel.height / 2;
  }
}

/** Every place of a lower-case string within single text nodes below an element. */
function occurrences(element, wanted) {
  const ranges = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, Math.min(at + wanted.length, node.length));
      ranges.push(range);
    }
  }
  return ranges;
}
