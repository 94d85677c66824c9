/** Markdown blocks as DOM nodes: headings, paragraphs, lists, quotes, code, tables, rules. HTML in it stays text. */

import { element, inline } from "./inline.js";

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+/;
const QUOTE = /^\s*>\s?/;
const FENCE = /^\s*(```+|~~~+)/;
const ROW = /^\s*\|.*\|\s*$/;
const DIVIDER = /^\s*\|[\s:|-]+\|\s*$/;

/**
 * @param {string} source
 * @returns {HTMLElement[]} blocks; a top heading becomes h2, since the page has its own h1.
 */
export function markdown(source) {
  return blocks(source.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"));
}

function blocks(lines) {
  const made = [];
  for (let at = 0; at < lines.length; ) {
    const [block, next] = take(lines, at);
    if (block) made.push(block);
    at = next;
  }
  return made;
}

/** The block that begins at a line, and the line after it. */
function take(lines, at) {
  const line = lines[at];
  if (line.trim() === "") return [null, at + 1];
  if (FENCE.test(line)) return fence(lines, at);
  if (HEADING.test(line)) return [heading(line), at + 1];
  if (RULE.test(line)) return [element("hr", []), at + 1];
  if (QUOTE.test(line)) return quote(lines, at);
  if (ITEM.test(line)) return list(lines, at);
  if (ROW.test(line) && DIVIDER.test(lines[at + 1] ?? "")) return table(lines, at);
  return paragraph(lines, at);
}

function heading(line) {
  const [, marks, text] = HEADING.exec(line);
  return element(`h${Math.min(marks.length + 1, 6)}`, inline(text));
}

function fence(lines, at) {
  const mark = FENCE.exec(lines[at])[1];
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  return [element("pre", [element("code", [lines.slice(at + 1, end).join("\n")])]), end + 1];
}

function quote(lines, at) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  return [element("blockquote", blocks(lines.slice(at, end).map((line) => line.replace(QUOTE, "")))), end];
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && !interrupts(lines[end])) end += 1;
  return [element("p", inline(lines.slice(at, end).map((line) => line.trim()).join(" "))), end];
}

function interrupts(line) {
  return line.trim() === "" || [FENCE, HEADING, RULE, QUOTE, ITEM].some((form) => form.test(line));
}

function list(lines, at) {
  const [, indent, number] = ITEM.exec(lines[at]);
  const made = element(number ? "ol" : "ul", []);
  if (number) made.start = Number(number);
  let next = at;
  while (next < lines.length && sibling(lines[next], indent.length, Boolean(number))) {
    const end = itemEnd(lines, next, indent.length);
    made.append(item(lines.slice(next, end)));
    next = end;
    while (lines[next]?.trim() === "" && sibling(lines[next + 1] ?? "", indent.length, Boolean(number))) next += 1;
  }
  return [made, next];
}

function sibling(line, indent, numbered) {
  const match = ITEM.exec(line);
  return match !== null && match[1].length <= indent + 1 && Boolean(match[2]) === numbered;
}

/** Lines belong to an item while they are indented deeper than its mark, or continue its paragraph. */
function itemEnd(lines, at, indent) {
  let end = at + 1;
  while (end < lines.length) {
    const line = lines[end];
    const deeper = line.search(/\S/) > indent + 1;
    if (line.trim() === "" ? !(lines[end + 1]?.search(/\S/) > indent + 1) : !deeper && interrupts(line)) break;
    end += 1;
  }
  return end;
}

function item(lines) {
  const width = ITEM.exec(lines[0])[0].length;
  const inner = [lines[0].slice(width), ...lines.slice(1).map((line) => line.replace(new RegExp(`^ {0,${width}}`), ""))];
  const made = blocks(inner);
  // A single paragraph is a tight item: its words stand in the item itself.
  if (made[0]?.localName === "p") made.splice(0, 1, ...made[0].childNodes);
  return element("li", made);
}

function table(lines, at) {
  let end = at + 2;
  while (end < lines.length && ROW.test(lines[end])) end += 1;
  const rows = lines.slice(at + 2, end).map((line) => row(line, "td"));
  return [element("table", [element("thead", [row(lines[at], "th")]), element("tbody", rows)]), end];
}

function row(line, cell) {
  const cells = line.trim().slice(1, -1).split(/(?<!\\)\|/);
  return element("tr", cells.map((text) => element(cell, inline(text.trim()))));
}
