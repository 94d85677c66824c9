/** Reminds of a break after long work without one. */

/** Not having touched the page for so long is a break. */
const REST_MS = 5 * 60_000;
const LATER_MS = 10 * 60_000;

export class Breaks {
  #began = Date.now();
  #touched = Date.now();
  #quietUntil = 0;
  #banner = document.getElementById("break");

  /** @param {() => number} minutes of work after which to remind; 0 for never. */
  constructor(minutes) {
    this.minutes = minutes;
  }

  /** Somebody is at work. */
  touch() {
    const now = Date.now();
    if (now - this.#touched > REST_MS) this.rested();
    this.#touched = now;
    const minutes = this.minutes();
    const due = minutes > 0 && now >= this.#quietUntil && now - this.#began >= minutes * 60_000;
    if (due && this.#banner.hidden) {
      this.#banner.hidden = false;
      document.getElementById("break-text").textContent = `You have been reading for ${Math.round((now - this.#began) / 60_000)} minutes. Time for a short break?`;
    }
  }

  /** A break was taken: the time starts anew. */
  rested() {
    this.#began = Date.now();
    this.#banner.hidden = true;
  }

  /** Reminds again in a while. */
  later() {
    this.#quietUntil = Date.now() + LATER_MS;
    this.#banner.hidden = true;
  }
}
