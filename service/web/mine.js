/** The rater's own work: numbers, answers and corrections. Nothing of anybody else's is ever asked for. */

import { showText } from "./text.js";
import { inWords } from "./wording.js";

const PAGE = 20;
const EXCERPT = 90;

const get = (id) => document.getElementById(id);

export class Mine {
  #api = null;
  #onCorrect = () => {};
  #shown = 0;
  #covered = false;

  constructor() {
    get("mine-more").addEventListener("click", () => this.#more());
  }

  /**
   * @param {import("./api.js").Api} api
   * @param {{covered: boolean, onCorrect: (record: object) => void}} how covered: texts are not shown in the list
   */
  async toggle(api, { covered, onCorrect }) {
    if (get("mine").open) {
      get("mine").close();
      return;
    }
    this.#api = api;
    this.#onCorrect = onCorrect;
    this.#covered = covered;
    this.#shown = 0;
    get("mine-list").replaceChildren();
    get("mine-numbers").replaceChildren();
    get("mine-more").hidden = true;
    get("mine").showModal();
    await Promise.all([this.#numbers(), this.#more()]);
  }

  close() {
    get("mine").close();
  }

  async #numbers() {
    try {
      get("mine-numbers").replaceChildren(...numbers(await this.#api.progress()));
    } catch (error) {
      this.#trouble(error);
    }
  }

  async #more() {
    get("mine-status").textContent = "Loading …";
    get("mine-more").disabled = true;
    try {
      const { answers, total } = await this.#api.answers(this.#shown, PAGE);
      get("mine-list").append(...answers.map((answer) => this.#entry(answer)));
      this.#shown += answers.length;
      get("mine-status").textContent = total === 0 ? "No answers yet." : `${this.#shown} of ${total} answers`;
      get("mine-more").hidden = this.#shown >= total || answers.length === 0;
    } catch (error) {
      this.#trouble(error);
    }
    get("mine-more").disabled = false;
  }

  #trouble(error) {
    get("mine-status").textContent = `This could not be loaded: ${error.message}`;
  }

  #entry({ answer_id: answerId, text, context, task, body, at, history }) {
    const item = document.createElement("li");
    const said = element("strong", inWords(plain(body)));
    const when = element("time", new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
    when.dateTime = at;
    const excerpt = document.createElement("p");
    excerpt.className = "excerpt";
    excerpt.dir = "auto";
    showText(excerpt, this.#covered ? "(covered)" : shortened(text));
    const correct = element("button", "Correct");
    correct.type = "button";
    correct.setAttribute("aria-label", `Correct the answer ${inWords(plain(body))} of ${when.textContent}`);
    correct.addEventListener("click", () => {
      this.close();
      this.#onCorrect({ answerId, text, context, task, body: plain(body) });
    });
    const head = document.createElement("p");
    head.append(said, " ", when);
    item.append(head, correct, excerpt);
    if (body.note) item.append(noted(body.note));
    if (history.length > 0) item.append(element("p", `Before: ${history.map((old) => inWords(plain(old))).join(", then ")}`, "aside"));
    return item;
  }
}

/** Without what is not there, as the page itself would have sent it. */
function plain(body) {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function shortened(text) {
  return text.length > EXCERPT ? `${text.slice(0, EXCERPT).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
}

function noted(note) {
  const made = element("p", "", "aside");
  showText(made, `Note: ${note}`);
  return made;
}

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function numbers({ answers, last_day: lastDay, corrected, median_seconds: seconds, agreement, compared }) {
  const rows = [
    ["Answers", answers.toLocaleString("en")],
    ["In the last 24 hours", lastDay.toLocaleString("en")],
    ["Corrected", corrected.toLocaleString("en")],
    ["Usual time for a text", seconds === null ? "not measured yet" : `${seconds} s`],
    ["Agreement with others", agreement === null ? "told from 20 shared texts on" : `${share(agreement)} of ${compared} and more, as of last midnight`],
  ];
  return rows.map(([name, value]) => {
    const row = document.createElement("div");
    row.append(element("dt", name), element("dd", value));
    return row;
  });
}

function share(agreement) {
  const percent = Math.round(agreement * 100);
  if (percent >= 95) return "95 % or more";
  return percent <= 5 ? "5 % or less" : `about ${percent} %`;
}
