/** The lease on the text that is open: renewed while somebody is at the page, given back when they leave. */

const SECONDS = 300;
const IDLE_MS = 30 * 60 * 1000;

export class Hold {
  /** @type {{lease_id: string, text: string, context: string, task: string}|null} */
  lease = null;
  #timer;
  #touched = Date.now();

  /**
   * @param {import("./api.js").Api} api
   * @param {{onLost: (error: Error) => void, onIdle: () => void}} on lost: it ran out or the key was refused;
   *   idle: nobody has touched the page for half an hour.
   */
  constructor(api, on) {
    this.api = api;
    this.on = on;
  }

  /** Somebody is there. */
  touch() {
    this.#touched = Date.now();
  }

  /**
   * Leases the next text, if one is due, and keeps it.
   * @param {string} name of the request
   */
  request(name) {
    return this.api.lease(SECONDS, name);
  }

  /** Keeps a lease from now on; renewed three times as often as needed, so that two lost beats do no harm. */
  keep(lease) {
    this.forget();
    this.lease = lease;
    this.#timer = setInterval(() => this.#beat(lease.lease_id), (SECONDS / 3) * 1000);
  }

  forget() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.lease = null;
  }

  /** @param {boolean} leaving the page is closing */
  giveBack(leaving = false) {
    this.return(this.lease, leaving);
    this.forget();
  }

  /** Gives any lease back, if it is one; if that fails it runs out by itself. */
  return(lease, leaving = false) {
    if (lease) this.api.release(lease.lease_id, { leaving }).catch(() => {});
  }

  async #beat(id) {
    if (Date.now() - this.#touched > IDLE_MS) {
      this.on.onIdle();
      return;
    }
    try {
      await this.api.renew(id, SECONDS);
    } catch (error) {
      // Transient failures wait for the next beat; a reply about an earlier lease concerns nobody any more.
      if (!error.transient && this.lease?.lease_id === id) this.on.onLost(error);
    }
  }
}
