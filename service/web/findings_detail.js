/** One finding: the text as raters marked it, scores, answers, its life, and what its family is for. */

import { foreign, make, number, when } from "./findings_nodes.js";
import { tree } from "./findings_life.js";
import { marked } from "./findings_spans.js";
import { fooled } from "./findings_table.js";
import { showText, visible } from "./text.js";

const get = (id) => document.getElementById(id);

/** Shows an item and its life. @param {object} item @param {object} life */
export function show(item, life) {
  const { new: text, answers } = item;
  get("detail-title").textContent = item.finding ? `${item.finding}: ${KINDS[item.finding]}` : "No finding";
  const spans = answers.map(({ body }) => body.spans ?? []).filter((each) => each.length > 0);
  get("text-body").replaceChildren(...marked(text.text, spans));
  get("spans-note").textContent = spans.length ? `Marked: the words that ${spans.length === 1 ? "one rater" : `${spans.length} raters`} said show it.` : "";
  get("context-box").hidden = text.context === "";
  showText(get("context-text"), text.context);
  get("answers").replaceChildren(...answers.map(answer));
  get("skips").textContent = item.skips?.length ? `Skipped by ${item.skips.map(({ rater, reason }) => visible(reason ? `${rater} (${reason})` : rater)).join(", ")}.` : "";
  get("scores").replaceChildren(...scores(text));
  get("facts").replaceChildren(...facts(item));
  get("life").replaceChildren(tree(life));
  get("life-note").textContent = life.truncated ? "The family is larger; its first texts are shown." : "";
  showText(get("family"), life.family);
  showMark(life.mark);
  get("detail-body").hidden = false;
}

const KINDS = { FN: "passed, though people say yes", FP: "flagged, though people say no" };

/** @param {string|null} mark */
export function showMark(mark) {
  for (const button of get("marks").children) button.setAttribute("aria-pressed", String(button.dataset.purpose === (mark ?? "")));
}

/** What the members say today, beside what they said. @param {object} text @param {object} verdict */
export function showToday(text, verdict) {
  get("scores").replaceChildren(...scores(text, verdict));
}

function scores({ deployed, verdict }, today = null) {
  const members = verdict.members;
  const names = [...new Set([...Object.keys(members), ...Object.keys(today?.members ?? {})])];
  const rows = names.map((name) => {
    const [then, now] = [members[name], today?.members[name]];
    const head = foreign("th", name, { scope: "row" });
    if (name === deployed) head.append(make("span", { class: "aside" }, " deployed"));
    return make("tr", {}, head, make("td", {}, said(then)), foreign("td", then ? then.version.slice(0, 12) : "–"), today_(now, then));
  });
  const panel = make("tr", {}, make("th", { scope: "row" }, "Panel"), make("td", {}, `${number(verdict.probability)} ${verdict.decision}`),
    make("td", {}, "–"), make("td", {}, today ? `${number(today.probability)} ${today.decision}` : "–"));
  return [...rows, panel];
}

const said = (score) => (score ? `${number(score.probability)} ${score.vote}` : "–");

function today_(now, then) {
  const same = now && then && now.version === then.version ? " (same version)" : now ? ` at ${visible(now.version.slice(0, 7))}` : "";
  return make("td", {}, `${said(now)}${same}`);
}

function answer({ rater, body, at, history }) {
  const corrected = history?.length ? `, corrected; before: ${history.map((old) => old.answer).join(", ")}` : "";
  return make(
    "tr", {},
    foreign("th", rater, { scope: "row" }),
    make("td", {}, `${body.answer}${corrected}`),
    make("td", {}, body.severity === null ? "–" : String(body.severity)),
    make("td", {}, number(body.seconds, 1)),
    make("td", {}, when(at)),
    foreign("td", body.note ?? "", { dir: "auto" }),
  );
}

function facts(item) {
  const { new: text } = item;
  const origin = text.provenance;
  const pairs = {
    Label: `${item.label ?? "none yet"}${item.confidence == null ? "" : `, right with ${number(item.confidence, 3)}`}`,
    Ambiguity: item.ambiguity == null ? "–" : number(item.ambiguity),
    Fooled: item.finding ? fooled(item.finding, text.verdict.members).join(", ") || "nobody" : "–",
    Source: origin.source,
    Operators: origin.operators.join(" → ") || "–",
    Harm: String(origin.meta.harm ?? "unknown"),
    Style: String(origin.meta.style ?? "unknown"),
    Campaign: origin.campaign || "–",
    "Selected with": `q = ${text.selection_probability}`,
    "Why queued": text.why || "–",
    Disagreement: `${number(text.verdict.disagreement)}${text.verdict.kinds.length ? `, ${text.verdict.kinds.join(", ")}` : ""}`,
    Id: text.id,
  };
  const made = Object.entries(pairs).flatMap(([name, value]) => [make("dt", {}, name), foreign("dd", value, { dir: "auto" })]);
  for (const [name, at] of [["Queued", item.enqueued_at], ["Found", item.found_at]]) {
    if (at) made.push(make("dt", {}, name), make("dd", {}, when(at)));
  }
  return made;
}
