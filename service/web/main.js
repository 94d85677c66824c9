/** Wires the page together: signing in and out, keys, and what happens when the page goes away. */

import { Api, ApiError } from "./api.js";
import { Guideline } from "./guideline.js";
import { listen } from "./keys.js";
import { Labeler } from "./labeler.js";
import { persist, Waker } from "./retry.js";
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
const resuming = new AbortController();
let labeler = null;

/** Opens a session for a key; an ApiError where it is nobody's or may not label. */
async function open(key) {
  // A header cannot carry anything else, and no key holds anything else.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(401, "not_a_key", "not a key");
  const me = await Api.signIn(key);
  if (mayLabel(me)) return me;
  await new Api(me.csrf_token).signOut().catch(() => {});
  throw new ApiError(403, "role", "another role");
}

function mayLabel({ role, scopes }) {
  return ROLES.includes(role) && (scopes?.includes("items:label") ?? true);
}

async function signIn(key) {
  const button = form.querySelector("button");
  button.disabled = true;
  resuming.abort();
  try {
    const me = await open(key);
    field.value = "";
    await begin(me);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    view.askForKey(unwelcome(error));
  } finally {
    button.disabled = false;
  }
}

/** Goes on for whoever is signed in already; where the service cannot be reached it is asked again. */
async function resume({ signal }) {
  try {
    const how = { waker: new Waker(signal), signal, onWait: (error) => view.askForKey(unwelcome(error)) };
    const me = await persist(() => Api.whoIsThere(), how);
    if (signal.aborted) return;
    if (!mayLabel(me)) throw new ApiError(403, "role", "another role");
    await begin(me);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    view.askForKey(error.code === "no_session" ? "" : unwelcome(error));
  }
}

function begin(me) {
  const onDenied = (error) => signOut(unwelcome(error));
  labeler = new Labeler({ api: new Api(me.csrf_token), rater: me.id, view, session, guideline, onDenied });
  return labeler.start();
}

/** Ends the work here; without a message, because the rater wants it, and then the session as well. */
function signOut(message = "") {
  const api = labeler?.api;
  labeler?.stop();
  labeler = null;
  session.signOut();
  view.askForKey(message);
  if (!message) api?.signOut().catch(() => {});
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

view.state = "loading";
view.section(null);
resume(resuming);
