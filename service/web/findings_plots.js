/** Bars for people and screen readers alike: each is a button that filters by what it counts. */

import { foreign, make } from "./findings_nodes.js";
import { visible } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST = 8;
const SEVERITIES = { 0: "0 none", 1: "1 trivial", 2: "2 moderate", 3: "3 serious", 4: "4 gravest", unknown: "not said" };

/** Property of a summary -> how it is called, and what its names are called. */
const PLOTS = {
  severity: ["Severity", (name) => SEVERITIES[name] ?? name],
  fooled: ["Who was fooled", (name) => name.split(",").join(" + ") || "nobody"],
  source: ["Source", (name) => name],
  operator: ["Operator", (name) => name],
  harm: ["Harm", (name) => name],
  style: ["Style", (name) => name],
  mark: ["Mark", (name) => (name === "none" ? "not marked" : name)],
};

/** @typedef {{name: string, fn: number, fp: number}} Counted */

/**
 * All plots of a summary.
 * @param {{by: Record<string, {counts: Counted[], left_out: number}>}} summary
 * @param {(of: string, name: string) => void} choose
 */
export function plots({ by }, choose) {
  const made = Object.entries(PLOTS).map(([of, [title, wording]]) => bars(of, title, by[of], wording, choose));
  return [...made, weeks(by.week.counts)];
}

function bars(of, title, { counts, left_out: leftOut }, wording, choose) {
  const shown = of === "severity" ? counts : counts.slice(0, MOST);
  const most = Math.max(1, ...shown.map(({ fn, fp }) => fn + fp));
  const rows = shown.map((one) => make("li", {}, bar(one, most, wording(one.name), () => choose(of, one.name))));
  const rest = counts.length - shown.length + leftOut;
  const section = make("section", { class: "plot" }, make("h2", {}, title), make("ul", {}, ...rows));
  if (counts.length === 0) section.append(make("p", { class: "aside" }, "None."));
  if (rest > 0) section.append(make("p", { class: "aside" }, `and ${rest} more`));
  return section;
}

function bar({ fn, fp }, most, name, choose) {
  const button = make("button", { type: "button", "aria-label": `${visible(name)}: ${fn} FN, ${fp} FP` });
  const drawing = draw("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true", class: "bar-drawing" },
    draw("rect", { class: "fn", x: 0, y: 0, height: 10, width: (100 * fn) / most }),
    draw("rect", { class: "fp", x: (100 * fn) / most, y: 0, height: 10, width: (100 * fp) / most }));
  button.append(foreign("span", name, { class: "bar-name", dir: "auto" }), make("span", { class: "bar-count" }, String(fn + fp)), drawing);
  button.addEventListener("click", choose);
  return button;
}

/** Columns, the oldest week on the left; weeks without findings leave a gap. @param {Counted[]} counts */
function weeks(counts) {
  const section = make("section", { class: "plot" }, make("h2", {}, "Found by week"));
  if (counts.length === 0) {
    section.append(make("p", { class: "aside" }, "None."));
    return section;
  }
  const week = (name) => Math.round(Date.parse(name) / 604_800_000);
  const first = week(counts[0].name);
  const columns = Math.max(12, week(counts.at(-1).name) - first + 1);
  const most = Math.max(...counts.map(({ fn, fp }) => fn + fp));
  const said = counts.map(({ name, fn, fp }) => `from ${name}: ${fn} FN, ${fp} FP`).join("; ");
  const drawing = draw("svg", { viewBox: `0 0 ${columns * 10} 60`, preserveAspectRatio: "none", role: "img", "aria-label": `Found by week, ${said}`, class: "week-drawing" });
  for (const { name, fn, fp } of counts) {
    const x = (week(name) - first) * 10 + 1;
    const [high, low] = [(58 * fn) / most, (58 * fp) / most];
    const title = draw("title", {});
    title.textContent = `Week of ${name}: ${fn} FN, ${fp} FP`;
    drawing.append(draw("g", {}, title, draw("rect", { class: "fn", x, y: 60 - high, width: 8, height: high }),
      draw("rect", { class: "fp", x, y: 60 - high - low, width: 8, height: low })));
  }
  const ends = counts.length === 1 ? [counts[0].name] : [counts[0].name, counts.at(-1).name];
  section.append(drawing, make("p", { class: "ends aside", "aria-hidden": "true" }, ...ends.map((name) => make("span", {}, name))));
  return section;
}

function draw(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}
