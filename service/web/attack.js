/** Wires the attack bench together: signing in and out, keys and buttons. */

import { Api, ApiError } from "./api.js";
import { Desk } from "./attack_desk.js";
import { View } from "./attack_view.js";
import { Words } from "./attack_words.js";
import { Settings } from "./settings.js";
import { unwelcome } from "./wording.js";

const SCOPE = "texts:attack";

const get = (id) => document.getElementById(id);
const view = new View();
const words = new Words(get("words"), (span) => suggest(span));
let desk = null;
let api = null;
let asked = null;
let back = () => get("text").focus();

function mayAttack({ role, scopes }) {
  return role === "admin" && (scopes?.includes(SCOPE) ?? true);
}

function refused(error) {
  const role = error.code === "role" || error.code === "wrong_role";
  return role ? "This key may not attack. Ask for one with the role “admin” or the scope “texts:attack”." : unwelcome(error);
}

async function signIn(key) {
  try {
    if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(401, "not_a_key", "not a key");
    const me = await Api.signIn(key);
    if (!mayAttack(me)) {
      await new Api(me.csrf_token).signOut().catch(() => {});
      throw new ApiError(403, "role", "another role");
    }
    get("key").value = "";
    await begin(me);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    view.askForKey(refused(error));
  }
}

async function resume() {
  try {
    const me = await Api.whoIsThere();
    if (!mayAttack(me)) throw new ApiError(403, "role", "another role");
    await begin(me);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    view.askForKey(error.code === "no_session" ? "" : refused(error));
  }
}

async function begin(me) {
  api = new Api(me.csrf_token);
  desk = new Desk({ api, view, words, onDenied: (error) => leave(refused(error)) });
  view.state = "working";
  await desk.begin("seed");
  get("text").focus();
}

function leave(message) {
  desk?.stop();
  desk = null;
  view.askForKey(message);
}

/** Suggestions for a word, or with null anywhere; then the focus is on the first, and Escape goes back to where it was. */
async function suggest(span, more = false) {
  const from = document.activeElement;
  asked = span;
  if (!more) back = () => (span && from.closest(".word") ? words.focus(span.start) : false) || get(from.id === "anywhere" ? from.id : "text").focus();
  if (await desk?.suggest(span, more)) get("suggestions").querySelector("button").focus();
}

/** The word at the caret of the text field. */
function atCaret() {
  const field = get("text");
  return words.at([...field.value.slice(0, field.selectionStart)].length);
}

function take(button) {
  const at = desk.take([...get("suggestions").querySelectorAll("button")].indexOf(button));
  if (!words.focus(at)) back();
}

get("signin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(get("key").value.trim());
});
new Settings();
get("signout").addEventListener("click", () => {
  api?.signOut().catch(() => {});
  leave("");
});
get("help-button").addEventListener("click", () => get("help").showModal());
get("help-close").addEventListener("click", () => get("help").close());
for (const source of ["seed", "finding", "blank"]) {
  get(`from-${source}`).addEventListener("click", async () => {
    await desk?.begin(source);
    if (source === "blank") get("text").focus();
  });
}
get("undo").addEventListener("click", () => desk?.undo());
get("redo").addEventListener("click", () => desk?.redo());
get("text").addEventListener("input", () => desk?.typed(get("text").value));
get("context").addEventListener("input", () => desk?.placed(get("context").value));
get("severity").addEventListener("change", () => desk?.guessed());
get("submit-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  get("submit").disabled = true;
  await desk?.submit(get("note").value.trim());
  get("submit").disabled = false;
});
get("anywhere").addEventListener("click", () => suggest(null));
get("more").addEventListener("click", () => suggest(asked, true));
get("suggestions").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) take(button);
});
get("suggestions").addEventListener("keydown", (event) => {
  const buttons = [...get("suggestions").querySelectorAll("button")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const next = step && buttons[buttons.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
document.addEventListener("keydown", (event) => {
  if (!desk || event.isComposing) return;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (event.key === "Escape" && !get("suggesting").hidden && !get("help").open) {
    view.hideSuggestions();
    back();
  } else if (control && event.shiftKey && event.key === "Enter") {
    event.preventDefault();
    suggest(null);
  } else if (control && event.key === "Enter" && event.target === get("text")) {
    event.preventDefault();
    suggest(atCaret());
  } else if (control && ["z", "y"].includes(key) && !["note", "context"].includes(event.target.id)) {
    event.preventDefault();
    if (key === "y" || event.shiftKey) desk.redo();
    else desk.undo();
  }
});
window.addEventListener("pagehide", () => desk?.stop());

view.state = "loading";
resume();
