/** What this tab remembers until it closes: the count, and an answer on its way. Never anything else, and never a key. */

const COUNTS = "hungjury.counts";
const PENDING = "hungjury.pending";

/** A message on its way: what to do, to which lease or answer, for which rater. */
/** @typedef {{kind: "answer"|"amend"|"skip", id: string, body: object, rater: string}} Pending */

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

  /** @returns {Pending|null} */
  get pending() {
    return load(PENDING);
  }

  set pending(message) {
    if (message) sessionStorage.setItem(PENDING, JSON.stringify(message));
    else sessionStorage.removeItem(PENDING);
  }

  /** Forgets the count; an answer on its way stays for when its rater is back. */
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
