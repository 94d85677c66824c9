/** A text with the words marked that raters said show it; the more of them, the deeper the mark. */

import { foreign, make } from "./findings_nodes.js";

/**
 * @param {string} text
 * @param {{start: number, end: number}[][]} raters spans by rater, in code points
 * @returns {HTMLElement[]}
 */
export function marked(text, raters) {
  const units = offsets(text);
  const edges = new Map();
  for (const { start, end } of raters.flat()) {
    edges.set(start, (edges.get(start) ?? 0) + 1);
    edges.set(end, (edges.get(end) ?? 0) - 1);
  }
  const made = [];
  let [at, depth] = [0, 0];
  for (const edge of [...edges.keys()].sort((one, other) => one - other)) {
    made.push(part(text.slice(units(at), units(edge)), depth));
    depth += edges.get(edge);
    at = edge;
  }
  return [...made, part(text.slice(units(at)), depth)].filter(Boolean);
}

function part(text, depth) {
  if (text === "") return null;
  if (depth === 0) return foreign("span", text);
  const said = depth === 1 ? "marked by one rater" : `marked by ${depth} raters`;
  return make("mark", { "data-depth": String(Math.min(depth, 3)), title: said }, foreign("span", text));
}

/** From code points, by which spans count, to the units of a string. */
function offsets(text) {
  const starts = [];
  let at = 0;
  for (const character of text) {
    starts.push(at);
    at += character.length;
  }
  return (point) => starts[point] ?? text.length;
}
