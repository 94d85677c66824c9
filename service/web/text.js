/** Foreign text on the page: always as text, with the characters that would hide or reorder it made visible. */

// Bidirectional overrides and isolates, zero-width and control characters. Joiners stay: scripts and emoji need them.
const HIDDEN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u200B\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/u;
const NEWLINE = "\r\n";
const SPLIT = new RegExp(`(${NEWLINE}|${HIDDEN.source})`, "u");

/**
 * Shows text in an element, replacing what was there.
 * @param {Element} element
 * @param {string} text
 * @returns {Shown} where each character of the text stands on the page
 */
export function showText(element, text) {
  const pieces = [];
  let at = 0;
  for (const part of text.split(SPLIT)) {
    if (part) pieces.push({ node: nodeOf(part), start: at, end: at + part.length });
    at += part.length;
  }
  element.replaceChildren(...pieces.map(({ node }) => node));
  return new Shown(element, text, pieces);
}

function nodeOf(part) {
  if (part === NEWLINE) return document.createTextNode("\n");
  return HIDDEN.test(part) ? chip(part) : document.createTextNode(part);
}

/** A text where only plain characters fit, as in the options of a list. @param {string} text */
export function visible(text) {
  return text.split(SPLIT).map((part) => (HIDDEN.test(part) ? number(part) : part)).join("");
}

function number(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function chip(character) {
  const element = document.createElement("span");
  element.className = "hidden-character";
  element.textContent = number(character);
  element.title = "A character that would not be seen, shown by its number";
  return element;
}

/** A text on the page. Offsets count the text's UTF-16 code units, which is how scripts index strings. */
export class Shown {
  #pieces;
  #byNode;

  /**
   * @param {Element} element
   * @param {string} text
   * @param {{node: Node, start: number, end: number}[]} pieces its children in order, and what of the text each of them shows
   */
  constructor(element, text, pieces) {
    Object.assign(this, { element, text });
    this.#pieces = pieces;
    this.#byNode = new Map(pieces.map((piece) => [piece.node, piece]));
  }

  /**
   * The offset of a place on the page, or null outside the text. Inside a character's number it is the character's
   * start, or with `after` its end.
   */
  offsetOf(node, at, after = false) {
    if (node === this.element) return this.#pieces[at]?.start ?? this.text.length;
    if (!this.element.contains(node)) return null;
    while (node.parentNode !== this.element) node = node.parentNode;
    const { start, end } = this.#byNode.get(node);
    if (node.nodeType !== Node.TEXT_NODE) return after ? end : start;
    return at >= node.length ? end : start + at;
  }

  /** The part of the page that shows the text from `start` to `end`. */
  range(start, end) {
    const range = new Range();
    range.setStart(...this.#place(start));
    range.setEnd(...this.#place(end, true));
    return range;
  }

  #place(offset, closing = false) {
    const index = this.#pieces.findIndex((piece) => (closing ? offset <= piece.end : offset < piece.end));
    if (index < 0) return [this.element, this.#pieces.length];
    const { node, start, end } = this.#pieces[index];
    if (node.nodeType === Node.TEXT_NODE) return [node, Math.min(offset - start, node.length)];
    return [this.element, offset >= end ? index + 1 : index];
  }
}
