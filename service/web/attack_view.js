/** Everything that the attack bench shows. It knows no rules: it is told what to show. */

import { showText } from "./text.js";

const get = (id) => document.getElementById(id);
const KINDS = { replace: "instead", before: "before it", after: "behind it", remove: "leave it out" };
const TOLD = { attacker: "your guess", words: "told from the words", nothing: "nobody has told" };

export class View {
  /** @param {"loading"|"signin"|"working"} state stands in main[data-state] */
  set state(state) {
    get("main").dataset.state = state;
    get("signin").hidden = state !== "signin";
    get("bench").hidden = get("tools").hidden = state !== "working";
  }

  /** @param {string} message why signing in is needed or failed; empty for none */
  askForKey(message = "") {
    this.state = "signin";
    get("signin-error").textContent = message;
    get("key").setAttribute("aria-invalid", String(message !== ""));
    get("key").focus();
  }

  /** @param {string} message @param {"quiet"|"good"|"warn"} tone */
  say(message, tone = "quiet") {
    get("status").textContent = message;
    get("status").dataset.tone = tone;
  }

  /** What the attack begins with. @param {{kind: string, id: string, label: number|null, severity: number|null}} start */
  origin(start, context) {
    const known = start.label === null ? "" : `: people say ${start.label ? "yes" : "no"}${start.severity === null ? "" : `, severity ${start.severity}`}`;
    const name = { seed: `Seed text ${start.id}`, finding: `Finding ${start.id}`, blank: "A blank page" }[start.kind];
    get("origin").textContent = `${name}${known}.`;
    get("context").value = context;
    get("context").readOnly = start.kind !== "blank";
    get("context-box").hidden = start.kind !== "blank" && context === "";
    get("submitted").textContent = "";
    get("note").value = "";
  }

  /** @param {{text: string, canUndo: boolean, canRedo: boolean}} history */
  edited(history) {
    if (get("text").value !== history.text) get("text").value = history.text;
    get("undo").disabled = !history.canUndo;
    get("redo").disabled = !history.canRedo;
    get("submit").disabled = !history.canUndo || history.text.trim() === "";
  }

  /** Scores and goal; null while there is no text. */
  scores(found) {
    get("goal").textContent = found ? found.goal.value.toFixed(2) : "–";
    get("goal").parentElement.dataset.passed = String(Boolean(found?.goal.passed));
    get("goal-why").textContent = found ? why(found) : "";
    get("members").replaceChildren(...(found ? members(found) : []));
    get("words-missing").textContent = found?.missing.saliency ?? "";
    const near = found?.nearest;
    get("nearest").textContent = near
      ? `Nearly the same as ${near.kind ? "a finding" : "an earlier attack"} (${Math.round(near.similarity * 100)} % alike): “${near.text}”`
      : found?.missing.nearest ?? "";
  }

  /**
   * @param {string|null} word null = anywhere in the text @param {object[]|null} suggestions null while they are made
   * @param {{cost?: object, now: number|null, more: boolean}} how now: the score as it stands; more: this is the long list
   */
  suggestions(word, suggestions, { cost, now, more }) {
    const anywhere = word === null;
    get("more").hidden = more || !suggestions || (suggestions.length === 0 && !anywhere);
    get("suggesting").hidden = false;
    get("suggest-title").textContent = anywhere ? "Anywhere in the text" : word ? `Instead of “${word}”, or beside it` : "To put in at the caret";
    get("suggestions").setAttribute("aria-busy", String(suggestions === null));
    get("suggestions").replaceChildren(...(suggestions ?? []).map((each) => offered(each, now, anywhere)));
    get("suggest-note").textContent = suggestions === null ? "The language model is thinking …"
      : suggestions.length === 0 ? (anywhere ? "Nothing that fits promises to lower the score without touching words on which the answer hangs. Choose a word." : "Nothing fits here.")
        : `Sorted by the score after the change. ${cost.member_calls} calls of the member.`;
  }

  /** The attacker's guess, 0 to 4; null for none. */
  get severity() {
    const { value } = get("severity");
    return value === "" ? null : Number(value);
  }

  /** The text that the scores on the screen are of. @param {string} text */
  set scored(text) {
    get("main").dataset.scored = text;
  }

  hideSuggestions() {
    get("suggesting").hidden = true;
  }

  handedIn({ item_id: id, outcome, goal }) {
    get("submitted").textContent = outcome === "added"
      ? `Handed in; others will judge it. Item ${id}, goal ${goal.value.toFixed(2)}. You will not be asked about it.`
      : `This text is in the queue already: item ${id}.`;
  }
}

function why({ goal, deployed }) {
  if (!goal.passed) return `${deployed} flags it: ${goal.probability.toFixed(3)}, it passes below ${goal.threshold.toFixed(2)}`;
  return `passed with ${Math.round(goal.margin * 100)} % of the threshold to spare, times severity ${goal.severity.toFixed(1)} of 4 (${TOLD[goal.told]})`;
}

function members({ verdict, deployed, thresholds }) {
  const rows = Object.entries(verdict.members).sort(([one], [other]) => (other === deployed) - (one === deployed));
  const parts = rows.flatMap(([name, { probability, vote }]) => [
    element("dt", name === deployed ? `${name} (deployed)` : name, name === deployed ? "own" : ""),
    element("dd", `${probability.toFixed(3)} ${vote === "yes" ? "flags" : "passes"}`, name === deployed ? "own" : ""),
    meter(name, probability, thresholds[name]),
  ]);
  const left = [...verdict.degraded.map((name) => [name, "does not answer"]), ...verdict.skipped.map((name) => [name, "not asked"])];
  return [...parts, ...left.flatMap(([name, what]) => [element("dt", name), element("dd", what)]),
    element("dt", "All together"), element("dd", `${verdict.probability.toFixed(3)} ${verdict.decision === "flag" ? "flags" : "passes"}`)];
}

function meter(name, probability, threshold) {
  const bar = document.createElement("meter");
  Object.assign(bar, { min: 0, max: 1, value: probability, high: threshold ?? 0.5, low: 0, optimum: 0 });
  bar.setAttribute("aria-label", `${name}, probability of yes`);
  const row = element("dd", "", "gauge");
  row.append(bar);
  return row;
}

function offered({ kind, word, edit, probability, passed }, now, anywhere) {
  const button = document.createElement("button");
  button.type = "button";
  const what = element("span", "", "what");
  const shown = document.createElement("span");
  showText(shown, kind === "remove" ? "(nothing)" : word);
  const place = element("small", anywhere ? "" : KINDS[kind]);
  if (anywhere) showText(place, `instead of “${edit.removed}”`);
  what.append(shown, place);
  const change = now === null ? "" : ` (${probability <= now ? "−" : "+"}${Math.abs(probability - now).toFixed(3)})`;
  button.append(what, element("span", `${probability.toFixed(3)}${change}${passed ? " passes" : ""}`, "score"));
  const item = element("li", "", passed ? "passes" : "");
  item.append(button);
  return item;
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
