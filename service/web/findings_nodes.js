/** Small makers of elements; what is foreign goes in as text, with characters that hide made visible. */

import { showText } from "./text.js";

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node|string)} children own words and nodes, never foreign text
 */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** An element around foreign text. @param {string} name @param {string} text @param {Record<string, string>} attributes */
export function foreign(name, text, attributes = {}) {
  const made = make(name, attributes);
  showText(made, text);
  return made;
}

/** A moment for people, in their own time zone. @param {string} iso */
export function when(iso) {
  const at = new Date(iso);
  return make("time", { datetime: iso }, at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
}

/** @param {number|null|undefined} value @param {number} digits */
export const number = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
