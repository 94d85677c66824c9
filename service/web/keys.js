/** Which key means what, and when a key is meant for the page at all. */

const ACTIONS = {
  y: "yes", n: "no", u: "unsure", s: "skip", z: "undo", g: "guideline", "/": "search", x: "context", c: "note", "?": "help",
  0: "severity", 1: "severity", 2: "severity", 3: "severity", 4: "severity", Escape: "back", Enter: "confirm",
};

/**
 * Calls `act(action, value)` for keys and for everything with a data-action that is clicked.
 * @param {(action: string, value: string|undefined) => void} act
 * @param {() => boolean} enabled whether single-letter keys are on.
 */
export function listen(act, enabled) {
  document.addEventListener("keydown", (event) => {
    const action = meant(event, enabled());
    if (!action) return;
    event.preventDefault();
    act(action, event.key);
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
  if (target.closest("input:not([type=checkbox]), textarea")) return undefined;
  if (action === "confirm") return target.closest("button, a, summary, input") ? undefined : action;
  if (document.querySelector("dialog[open]") && action !== "help") return undefined;
  return enabled ? action : undefined;
}
