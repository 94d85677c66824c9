/** The table of findings: a row each, whose text is a link to its detail. */

import { foreign, make, number, when } from "./findings_nodes.js";
import { visible } from "./text.js";

const SHOWN = 220;

/** @param {{kind: string, severity: number|null, at: string, item: object}[]} findings */
export function rows(findings) {
  return findings.map(row);
}

function row({ kind, severity, at, item }) {
  const { new: text, mark } = item;
  const begins = text.text.length > SHOWN ? `${text.text.slice(0, SHOWN).replace(/[\uD800-\uDBFF]$/u, "")}…` : text.text;
  const link = foreign("a", begins.trim() === "" ? "(blank text)" : begins, { href: `#${encodeURIComponent(text.id)}`, class: "prose", dir: "auto" });
  const { source, operators } = text.provenance;
  return make(
    "tr", {},
    make("th", { scope: "row" }, link),
    make("td", { "data-name": "Kind" }, make("span", { class: `kind ${kind.toLowerCase()}` }, kind)),
    make("td", { "data-name": "Severity" }, number(severity, 1)),
    make("td", { "data-name": "Fooled" }, visible(fooled(kind, text.verdict.members).join(", ") || "nobody")),
    make("td", { "data-name": "From" }, visible([source, ...operators].join(" → "))),
    make("td", { "data-name": "Mark" }, mark ?? "–"),
    make("td", { "data-name": "Found" }, when(at)),
  );
}

/** Members whose vote the label contradicts. @param {string} kind @param {Record<string, {vote: string}>} members */
export function fooled(kind, members) {
  const wrong = kind === "FN" ? "no" : "yes";
  return Object.keys(members).filter((name) => members[name].vote === wrong).sort();
}
