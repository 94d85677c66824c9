/** Which key means what, and when a key is meant for the page at all. */

const ACTIONS = {
  y: "yes", n: "no", u: "unsure", s: "skip", z: "undo", g: "guideline", "/": "search", x: "context", c: "note", "?": "help",
  w: "mark", m: "mine", ",": "settings", " ": "uncover",
  0: "digit", 1: "digit", 2: "digit", 3: "digit", 4: "digit", 5: "digit", Escape: "back", Enter: "confirm",
};

/** What the focused button or link needs for itself. */
const KEYS_OF_BUTTONS = new Set(["confirm", "uncover"]);

/**
 * Calls `act(action, value)` for keys and for everything with a data-action that is clicked.
 * @param {(action: string, value: string|undefined) => boolean|void} act false where the key means nothing after all, so that
 *   it is the browser's.
 * @param {() => boolean} enabled whether single-letter keys are on.
 */
export function listen(act, enabled) {
  document.addEventListener("keydown", (event) => {
    const action = meant(event, enabled());
    if (!action) return;
    if (act(action, event.key) !== false) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const source = event.target.closest("[data-action]");
    if (source) act(source.dataset.action, source.dataset.value);
  });
}

/** The action of a key press, or undefined where it belongs to the browser or to a field. */
function meant(event, enabled) {
  // A key that is held down must not answer a whole row of texts.
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return undefined;
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return undefined;
  const { target } = event;
  if (action === "back") return document.querySelector("dialog[open]") ? undefined : action;
  if (target.closest("input:not([type=checkbox]), textarea, select")) return undefined;
  if (KEYS_OF_BUTTONS.has(action) && target.closest("button, a, summary, input")) return undefined;
  const dialog = document.querySelector("dialog[open]");
  if (dialog && action !== dialog.id) return undefined;
  if (action === "confirm") return action;
  return enabled ? action : undefined;
}
