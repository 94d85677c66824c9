/** A text's life as nested lists: what it was made from above, what was made from it below. */

import { foreign, make, number } from "./findings_nodes.js";
import { visible } from "./text.js";

const SHOWN = 160;
const RELATIONS = { itself: "this text", ancestor: "made into it", descendant: "made from it", relative: "same family" };

/**
 * @param {{links: {item_id: string, depth: number, relation: string, stage: object|null}[]}} life
 * @returns {HTMLUListElement}
 */
export function tree({ links }) {
  const top = make("ul", { class: "tree" });
  const open = [top];
  for (const link of links) {
    const depth = Math.min(link.depth, open.length - 1);
    open.length = depth + 1;
    const entry = node(link);
    open[depth].append(entry);
    const below = make("ul");
    entry.append(below);
    open.push(below);
  }
  for (const list of top.querySelectorAll("ul:empty")) list.remove();
  return top;
}

function node({ item_id: id, relation, stage }) {
  const entry = make("li", relation === "itself" ? { "aria-current": "true" } : {});
  entry.append(make("span", { class: "relation" }, RELATIONS[relation]), " ");
  if (!stage) {
    entry.append(foreign("span", `text ${id} was never queued, only what was made from it`, { class: "aside" }));
    return entry;
  }
  const begins = stage.text.length > SHOWN ? `${stage.text.slice(0, SHOWN).replace(/[\uD800-\uDBFF]$/u, "")}…` : stage.text;
  const name = begins.trim() || "(blank text)";
  entry.append(foreign(relation === "itself" ? "strong" : "a", name, {
    class: "prose", dir: "auto", ...(relation === "itself" ? {} : { href: `#${encodeURIComponent(id)}` }),
  }));
  entry.append(make("p", { class: "aside" }, said(stage)));
  return entry;
}

/** Operator, label and finding, and the members' scores with their versions, in a line. */
function said({ operators, source, label, finding, severity, scores, answers }) {
  const from = visible(operators.at(-1) ?? source);
  const judged = label ? `${label}${finding ? ` (${finding})` : ""}${severity === null ? "" : `, severity ${number(severity, 1)}`}` : "no label yet";
  const members = Object.entries(scores).map(([name, { probability, version }]) => `${visible(name)} ${number(probability)} at ${visible(version.slice(0, 7))}`);
  const count = answers.length === 1 ? "1 answer" : `${answers.length} answers`;
  return [from, judged, count, ...members].join(" · ");
}
