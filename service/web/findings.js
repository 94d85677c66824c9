/** Wires the findings page together: signing in and out, the list and its filters, one finding, marks. */

import { Api, ApiError } from "./api.js";
import * as detail from "./findings_detail.js";
import { choose, offer, onChange, wanted } from "./findings_filters.js";
import { plots } from "./findings_plots.js";
import { rows } from "./findings_table.js";
import { persist, Waker } from "./retry.js";
import { Settings } from "./settings.js";
import { unwelcome } from "./wording.js";

const SCOPE = "findings:read";
const SECTIONS = ["signin", "list", "detail"];

const get = (id) => document.getElementById(id);
let api = null;
let next = null;
let shown = null;
let turn = new AbortController();

/** @param {"loading"|"signin"|"list"|"detail"} state */
function enter(state) {
  get("main").dataset.state = state;
  for (const id of SECTIONS) get(id).hidden = id !== state;
  get("tools").hidden = !api;
}

function say(message, tone = "quiet", where = "status") {
  get(where).textContent = message;
  get(where).dataset.tone = tone;
}

function askForKey(message) {
  turn.abort();
  api = null;
  enter("signin");
  get("signin-error").textContent = message;
  get("key").setAttribute("aria-invalid", String(message !== ""));
  get("key").focus();
}

function refused(error) {
  const role = error.code === "role" || error.code === "wrong_role";
  return role ? `This key may not see findings. Ask for one with the role “admin” or the scope “${SCOPE}”.` : unwelcome(error);
}

const may = ({ role, scopes }) => role === "admin" && (scopes?.includes(SCOPE) ?? true);

async function signIn(key) {
  try {
    if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(401, "not_a_key", "not a key");
    const me = await Api.signIn(key);
    if (!may(me)) {
      await new Api(me.csrf_token).signOut().catch(() => {});
      throw new ApiError(403, "role", "another role");
    }
    get("key").value = "";
    begin(me);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    askForKey(refused(error));
  }
}

async function resume() {
  try {
    const me = await Api.whoIsThere();
    if (!may(me)) throw new ApiError(403, "role", "another role");
    begin(me);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    askForKey(error.code === "no_session" ? "" : refused(error));
  }
}

function begin(me) {
  api = new Api(me.csrf_token);
  go();
}

/** What the address asks for: a finding, or the list, which stays as it was where it has been loaded. */
function go() {
  if (!api) return;
  const id = decodeURIComponent(location.hash.slice(1));
  if (id) open(id);
  else if (shown) leave();
  else list();
}

/** Ends what is under way; what comes late is not shown. */
function start() {
  turn.abort();
  turn = new AbortController();
  return turn.signal;
}

/**
 * Asks until there is an answer, saying meanwhile why not; null where somebody asked for something else since.
 * @param {() => Promise<T>} call @param {AbortSignal} signal @param {string} where
 * @template T
 */
async function ask(call, signal, where) {
  const onWait = (error) => say(error.status === 0 ? "The service cannot be reached; trying again." : `${error.message}.`, "warn", where);
  try {
    const found = await persist(call, { waker: new Waker(signal), signal, onWait });
    return signal.aborted ? null : found;
  } catch (error) {
    if (signal.aborted) return null;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) askForKey(refused(error));
    else say(error.denied ? `Not possible: ${error.message}.` : error.message, "warn", where);
    return null;
  }
}

/** Shows what the filters choose; false where something else was asked for meanwhile, or there was no answer. */
async function list() {
  const signal = start();
  enter("list");
  say("Looking …");
  const filters = wanted();
  const summary = await ask(() => api.findingsSummary(filters), signal, "status");
  const page = summary && (await ask(() => api.findings(filters), signal, "status"));
  if (!page) return false;
  const chosen = Object.keys(filters).length > 0;
  const all = chosen ? await ask(() => api.findingsSummary({}), signal, "status") : summary;
  if (!all) return false;
  offer(all);
  get("plots").replaceChildren(...plots(summary, (of, name) => refilter(choose(of, name))));
  get("rows").replaceChildren(...rows(page.findings));
  paged(page);
  const total = `${summary.total.toLocaleString()} of ${summary.known.toLocaleString()} findings`;
  say(summary.total ? `${total}: ${summary.fn} FN, ${summary.fp} FP, newest first.` : chosen ? "Nothing was found like that." : "Nothing has been found yet.");
  return true;
}

/** The bars are made anew, so the focus goes to the filter that one of them has set. */
function refilter(field) {
  field.focus();
  list();
}

function paged(page) {
  next = page.next;
  get("more").hidden = !next;
  get("more").textContent = `Show more (${(page.left ?? 0).toLocaleString()} left)`;
}

async function more() {
  const page = await ask(() => api.findings(wanted(), next), turn.signal, "status");
  if (!page) return;
  const made = rows(page.findings);
  get("rows").append(...made);
  paged(page);
  made[0]?.querySelector("a").focus();
}

async function open(id) {
  const signal = start();
  get("detail-body").hidden = true;
  get("detail-title").textContent = "Finding";
  enter("detail");
  say("Reading …", "quiet", "detail-status");
  const found = await ask(() => Promise.all([api.item(id), api.life(id)]), signal, "detail-status");
  if (!found) return;
  shown = found[0];
  detail.show(...found);
  say("", "quiet", "detail-status");
  window.scrollTo(0, 0);
  get("detail-title").focus();
}

/** Back to the list, as it was unless that has changed, with the focus on the finding that was open. */
async function leave() {
  if (get("rows").childElementCount) {
    start();
    enter("list");
  } else if (!(await list())) return;
  const link = [...get("rows").querySelectorAll("a")].find((each) => each.hash === `#${encodeURIComponent(shown.new.id)}`);
  (link ?? get("list-title")).focus();
}

async function mark(value) {
  const item = shown;
  const done = await ask(() => api.mark(item.new.provenance.family, value || null), turn.signal, "detail-status");
  if (!done || shown !== item) return;
  detail.showMark(done.mark);
  say(done.mark ? `The family is for: ${done.mark}.` : "The family is not marked any more.", "good", "detail-status");
  get("rows").replaceChildren(); // loaded anew on the way back: other texts of the family may stand there
}

async function scoreAgain() {
  const item = shown;
  say("Asking the members …", "quiet", "detail-status");
  const verdict = await ask(() => api.score(item.new.text, item.new.context), turn.signal, "detail-status");
  if (!verdict || shown !== item) return;
  detail.showToday(item.new, verdict);
  say("Scored by the members of today.", "good", "detail-status");
}

get("signin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(get("key").value.trim());
});
new Settings();
get("signout").addEventListener("click", () => {
  api?.signOut().catch(() => {});
  askForKey("");
  shown = null;
  get("rows").replaceChildren();
  get("detail-body").hidden = true;
});
get("more").addEventListener("click", more);
get("back").addEventListener("click", () => { location.hash = ""; });
get("again").addEventListener("click", scoreAgain);
get("marks").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) mark(button.dataset.purpose);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && get("main").dataset.state === "detail") location.hash = "";
});
window.addEventListener("hashchange", go);
onChange(() => api && list());

get("plots-box").open = window.matchMedia("(width >= 76rem)").matches;
enter("loading");
resume();
