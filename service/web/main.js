/** Wires the page together: signing in and out, keys, and what happens when the page goes away. */

import { Api, ApiError } from "./api.js";
import { Breaks } from "./breaks.js";
import { Guideline } from "./guideline.js";
import { listen } from "./keys.js";
import { Labeler } from "./labeler.js";
import { Mine } from "./mine.js";
import { persist, Waker } from "./retry.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { View } from "./view.js";
import { unwelcome } from "./wording.js";

const ROLES = ["label", "admin"];

const settings = new Settings();
const breaks = new Breaks(() => settings.breaks);
const mine = new Mine();
const view = new View(() => settings.cover);
const session = new Session();
const guideline = new Guideline();
const form = document.getElementById("signin-form");
const field = document.getElementById("key");
const shortcuts = document.getElementById("shortcuts");
const resuming = new AbortController();
let labeler = null;
/** What a rater held whose session ended. */
let left = { rater: null, leases: [] };

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
  const onDenied = (error) => {
    if (labeler) left = { rater: me.id, leases: labeler.abandon() };
    signOut(unwelcome(error));
  };
  labeler = new Labeler({ api: new Api(me.csrf_token), rater: me.id, view, session, guideline, onDenied });
  return labeler.start(left.rater === me.id ? left.leases : []);
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
  mark: () => view.working && !view.covered && view.mark(),
  uncover: () => uncover(),
  settings: () => settings.toggle(),
  mine: () => mine.toggle(labeler.api, { covered: settings.cover, onCorrect: (record) => labeler.correct(record) }),
  rest: () => { breaks.rested(); labeler.rest(); },
  later: () => { breaks.later(); view.focusText(); },
  signout: () => signOut(),
  back: () => view.leaveMarking() || leaveField() || labeler.act("back"),
};

/** Out of the guideline or a field, back to the text; false when already there. */
function leaveField() {
  if (!guideline.hasFocus && document.activeElement?.localName !== "input") return false;
  if (guideline.hasFocus) guideline.leave();
  view.focusText();
  return true;
}

/** Shows a covered text; false where none is, so that the key scrolls as ever. */
function uncover() {
  if (!view.covered) return false;
  view.uncover();
  labeler.seen();
  return true;
}

function act(action, value) {
  if (!labeler) return action === "settings" ? settings.toggle() : undefined;
  if (PAGE[action]) return PAGE[action]() !== false || action !== "uncover";
  labeler.act(action, value);
  return true;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(field.value.trim());
});
document.getElementById("note").addEventListener("keydown", (event) => {
  if (event.key === "Enter") view.focusText();
});
/** Reading and scrolling is being there as well as answering is. */
for (const name of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  const touch = () => {
    labeler?.touch();
    breaks.touch();
  };
  window.addEventListener(name, touch, { capture: true, passive: true });
}
window.addEventListener("pagehide", () => labeler?.leave());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) labeler?.resume();
});
listen(act, () => shortcuts.checked);

view.state = "loading";
view.section(null);
resume(resuming);
