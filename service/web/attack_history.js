/** A text and every step that led to it, with undo and redo. Places are in characters (code points), as the service counts. */

const TOGETHER_MS = 1000;

/** @typedef {{at: number, removed: string, inserted: string, by: "typing"|"suggestion"}} Edit */

export class History {
  #done = [];
  #undone = [];
  #last = 0;

  /** @param {string} start what the attack began with */
  constructor(start) {
    this.start = start;
    this.text = start;
  }

  /** @returns {Edit[]} from the start to the text */
  get edits() {
    return this.#done.map(({ edit }) => edit);
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Takes what was typed; letters typed in a row are one step. @param {string} text @param {number} now in ms */
  typed(text, now = performance.now()) {
    const edit = difference(this.text, text);
    if (!edit) return;
    const last = this.#done.at(-1)?.edit;
    const inRow = last?.by === "typing" && !edit.removed && edit.at === last.at + [...last.inserted].length;
    if (inRow && now - this.#last < TOGETHER_MS) {
      this.#done.at(-1).edit = { ...last, inserted: last.inserted + edit.inserted };
      this.#undone = [];
      this.text = text;
    } else {
      this.#step(edit, text);
    }
    this.#last = now;
  }

  /** Takes a suggestion. @param {Edit} edit @param {string} text after it */
  take(edit, text) {
    this.#step({ at: edit.at, removed: edit.removed, inserted: edit.inserted, by: "suggestion" }, text);
    this.#last = 0;
  }

  undo() {
    const step = this.#done.pop();
    if (!step) return;
    this.#undone.push({ ...step, after: this.text });
    this.text = step.before;
    this.#last = 0;
  }

  redo() {
    const step = this.#undone.pop();
    if (!step) return;
    this.#done.push({ edit: step.edit, before: this.text });
    this.text = step.after;
  }

  #step(edit, text) {
    this.#done.push({ edit, before: this.text });
    this.#undone = [];
    this.text = text;
  }
}

/** The one splice that makes `after` of `before`; null where they are the same. @returns {Edit|null} */
export function difference(before, after) {
  if (before === after) return null;
  const [old, fresh] = [[...before], [...after]];
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  const most = Math.min(old.length, fresh.length) - head;
  while (tail < most && old.at(-1 - tail) === fresh.at(-1 - tail)) tail += 1;
  const middle = (points) => points.slice(head, points.length - tail).join("");
  return { at: head, removed: middle(old), inserted: middle(fresh), by: "typing" };
}
