/** What this tab remembers until it closes: the count, and answers on their way. Never anything else, and never a key. */

const COUNTS = "hungjury.counts";
const PENDING = "hungjury.pending";

/**
 * A message on its way: what to do, to which lease or answer, for which rater. A correction of an answer that is itself
 * still on its way has no id yet, but names the answer's lease in `of`.
 */
/** @typedef {{kind: "answer"|"amend"|"skip", id: string|null, of?: string, body: object, rater: string}} Message */

export class Session {
  /** @returns {{answered: number, skipped: number}} */
  get counts() {
    return { answered: 0, skipped: 0, ...load(COUNTS) };
  }

  /** @param {"answered"|"skipped"} what */
  count(what) {
    const counts = this.counts;
    counts[what] += 1;
    sessionStorage.setItem(COUNTS, JSON.stringify(counts));
  }

  /** @returns {Message[]} oldest first */
  get unsent() {
    return [load(PENDING) ?? []].flat();
  }

  set unsent(messages) {
    if (messages.length > 0) sessionStorage.setItem(PENDING, JSON.stringify(messages));
    else sessionStorage.removeItem(PENDING);
  }

  /** Forgets the count; answers on their way stay for when their rater is back. */
  signOut() {
    sessionStorage.removeItem(COUNTS);
  }
}

function load(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}
