/** Foreign text on the page: always as text, with the characters that would hide or reorder it made visible. */

// Bidirectional overrides and isolates, zero-width and control characters. Joiners stay: scripts and emoji need them.
const HIDDEN = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u061C\u200B\u2028-\u202E\u2060-\u2069\uFEFF\uFFF9-\uFFFB]/u;
const SPLIT = new RegExp(`(${HIDDEN.source})`, "u");

/**
 * Shows text in an element, replacing what was there.
 * @param {Element} element
 * @param {string} text
 */
export function showText(element, text) {
  const parts = text.replaceAll("\r\n", "\n").split(SPLIT);
  element.replaceChildren(...parts.filter(Boolean).map((part) => (HIDDEN.test(part) ? chip(part) : part)));
}

function chip(character) {
  const element = document.createElement("span");
  element.className = "hidden-character";
  element.textContent = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  element.title = "A character that would not be seen, shown by its number";
  return element;
}
