/** Wires the page together: signing in and out, keys, and what happens when the page goes away. */

import { Api, ApiError } from "./api.js";
import { Guideline } from "./guideline.js";
import { listen } from "./keys.js";
import { Labeler } from "./labeler.js";
import { Session } from "./session.js";
import { View } from "./view.js";
import { unwelcome } from "./wording.js";

const ROLES = ["label", "admin"];

const view = new View();
const session = new Session();
const guideline = new Guideline();
const form = document.getElementById("signin-form");
const field = document.getElementById("key");
const shortcuts = document.getElementById("shortcuts");
let labeler = null;

/** Whose key it is; an ApiError where it is nobody's or may not label. */
async function recognise(key) {
  // A header cannot carry anything else, and no key holds anything else.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(401, "not_a_key", "not a key");
  const me = await new Api(key).me();
  if (!ROLES.includes(me.role)) throw new ApiError(403, "role", "another role");
  return me;
}

async function signIn(key) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const me = await recognise(key);
    session.key = key;
    field.value = "";
    labeler = new Labeler({ api: new Api(key), rater: me.id, view, session, guideline, onDenied: (error) => signOut(unwelcome(error)) });
    await labeler.start();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    view.askForKey(unwelcome(error));
  } finally {
    button.disabled = false;
  }
}

function signOut(message = "") {
  labeler?.stop();
  labeler = null;
  session.signOut();
  view.askForKey(message);
}

/** Keys and buttons that concern the page; all others concern the text. */
const PAGE = {
  help: () => view.toggleHelp(),
  guideline: () => guideline.toggle() || view.focusText(),
  "guideline-close": () => { guideline.show(false); view.focusText(); },
  search: () => guideline.find(),
  context: () => view.foldContext(),
  note: () => view.focusNote(),
  signout: () => signOut(),
  back: () => leaveField() || labeler.act("back"),
};

/** Out of the guideline or a field, back to the text; false when already there. */
function leaveField() {
  if (!guideline.hasFocus && document.activeElement?.localName !== "input") return false;
  if (guideline.hasFocus) guideline.leave();
  view.focusText();
  return true;
}

function act(action, value) {
  if (!labeler) return;
  if (PAGE[action]) PAGE[action]();
  else labeler.act(action, value);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(field.value.trim());
});
document.getElementById("note").addEventListener("keydown", (event) => {
  if (event.key === "Enter") view.focusText();
});
window.addEventListener("pagehide", () => labeler?.leave());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) labeler?.resume();
});
listen(act, () => shortcuts.checked);

if (session.key) {
  field.value = session.key;
  signIn(session.key);
} else {
  view.askForKey();
}
