/** The filters as a form: what is asked for, what there is to choose, and choosing from a plot. */

import { make } from "./findings_nodes.js";
import { visible } from "./text.js";

const form = document.getElementById("filters");
const TYPING_MS = 300;
/** Value of the option for nobody: that of an empty name would say that anybody may be meant. */
const NOBODY = '""';

/**
 * Filters as `GET /v1/findings` takes them. Days begin where this person is.
 * @returns {Record<string, string>}
 */
export function wanted() {
  const found = {};
  for (const [name, value] of new FormData(form)) {
    if (value.trim() !== "") found[name] = MEANING[name]?.(value) ?? value;
  }
  return found;
}

const day = (value) => new Date(`${value}T00:00`).toISOString();

/** A severity is the mean of answers: what rounds to the chosen step counts as that step. */
const MEANING = {
  severity_from: (value) => String(Math.max(0, Number(value) - 0.5)),
  severity_to: (value) => String(Math.min(4, Number(value) + 0.4999)),
  since: day,
  until: day,
  fooled: (value) => (value === NOBODY ? "" : value),
};

/**
 * What can be chosen, by what was found at all; a choice that was made stays.
 * @param {{by: Record<string, {counts: {name: string}[]}>}} summary
 */
export function offer({ by }) {
  for (const select of form.querySelectorAll("select[data-of]")) {
    const names = by[select.dataset.of]?.counts.map(({ name }) => name);
    if (names) fill(select, names);
  }
}

function fill(select, names) {
  const { value } = select;
  const all = value && value !== NOBODY && !names.includes(value) ? [...names, value] : names;
  const options = all.map((name) => make("option", { value: name || NOBODY }, name ? visible(name) : "nobody"));
  select.replaceChildren(make("option", { value: "" }, "any"), ...options);
  select.value = value;
}

/** As if a person had chosen it; chosen again, it is taken back. @param {string} of @param {string} name */
export function choose(of, name) {
  if (of === "severity") return severity(name);
  const select = form.elements.namedItem(of);
  const value = name || NOBODY;
  if (![...select.options].some((option) => option.value === value)) select.append(make("option", { value }, visible(name)));
  select.value = select.value === value ? "" : value;
  return select;
}

function severity(name) {
  const [from, to] = ["severity_from", "severity_to"].map((each) => form.elements.namedItem(each));
  if (name === "unknown") return from;
  const same = from.value === name && to.value === name;
  from.value = to.value = same ? "" : name;
  return from;
}

/** @param {() => void} act after every change; typing may pause first */
export function onChange(act) {
  let timer;
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(act, event.target.id === "q" ? TYPING_MS : 0);
  });
  form.addEventListener("reset", () => setTimeout(act));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    act();
  });
}
