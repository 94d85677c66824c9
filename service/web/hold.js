/**
 * The lease on the text that is open, and on the next one, so that it is there at once: renewed while somebody is at the
 * page, given back when they leave.
 */

const SECONDS = 300;
const IDLE_MS = 30 * 60 * 1000;
/** Whoever does not touch the page for so long is not about to need the next text. */
const RESTING_MS = 2 * 60 * 1000;

/** Where nothing was due, that is not asked again at every touch. */
const EMPTY_MS = 20 * 1000;

/** 128 random bits; randomUUID would be missing on a page without TLS. */
const randomName = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

/** @typedef {{lease_id: string, text: string, context: string, task: string}} Lease */

export class Hold {
  /** @type {Lease|null} */
  lease = null;
  /** Those that come next; usually one. @type {Lease[]} */
  #ready = [];
  /** The request for the next text that has had no reply yet. @type {{name: string, at: number, claimed: boolean}|null} */
  #asked = null;
  #emptyUntil = 0;
  #timer;
  #resting;
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
    if (this.lease) this.#rest();
    if (this.lease) this.prefetch();
  }

  /** What names a request for a text; the same for all its repetitions, which bring the same lease. */
  name() {
    const asked = this.#asked;
    this.#asked = null;
    // What was granted to it long ago without our learning of it has run out.
    if (!asked || Date.now() - asked.at > (SECONDS / 2) * 1000) return randomName();
    asked.claimed = true;
    return asked.name;
  }

  /**
   * Leases a text, if one is due.
   * @param {string} name of the request
   */
  request(name) {
    return this.api.lease(SECONDS, name);
  }

  /** Keeps a lease from now on; renewed three times as often as needed, so that two lost beats do no harm. */
  keep(lease) {
    this.lease = lease;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#beat(), (SECONDS / 3) * 1000);
    this.#rest();
  }

  /** Leases the text after this one, if one is due; trouble is left to when it is needed. */
  async prefetch() {
    if (this.#ready.length > 0 || this.#asked || Date.now() < this.#emptyUntil) return;
    const asked = (this.#asked = { name: randomName(), at: Date.now(), claimed: false });
    let lease = null;
    try {
      lease = await this.request(asked.name);
    } catch (error) {
      if (error.transient) return;
    }
    if (asked.claimed) return; // it belongs to whoever asked for it by its name meanwhile
    if (!lease) this.#emptyUntil = Date.now() + EMPTY_MS;
    const wanted = this.#asked === asked && this.lease !== null;
    if (this.#asked === asked) this.#asked = null;
    if (wanted) this.add(lease);
    else this.return(lease);
  }

  /** The next text, which from now on is the caller's to keep; null where it is not there yet. */
  take() {
    return this.#ready.shift() ?? null;
  }

  /** Keeps another lease for later, if it is one. */
  add(lease) {
    if (lease) this.#ready.push(lease);
  }

  /** Puts a text before the present one, which becomes the next. */
  putBefore(lease) {
    if (this.lease) this.#ready.unshift(this.lease);
    this.keep(lease);
  }

  /** All leases, which from now on are the caller's. */
  handOver() {
    const leases = [this.lease, ...this.#ready].filter(Boolean);
    this.#asked = null;
    this.#ready = [];
    this.forget();
    return leases;
  }

  /** No text is open any more; what became of its lease was decided elsewhere. */
  forget() {
    clearInterval(this.#timer);
    clearTimeout(this.#resting);
    this.lease = null;
  }

  /** @param {boolean} leaving the page is closing */
  giveBack(leaving = false) {
    for (const lease of this.handOver()) this.return(lease, leaving);
  }

  /** Gives any lease back, if it is one; if that fails it runs out by itself. */
  return(lease, leaving = false) {
    if (lease) this.api.release(lease.lease_id, { leaving }).catch(() => {});
  }

  /** Learns now, not at the next beat, whether the leases are still there. */
  check() {
    this.#beat();
  }

  #rest() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#returnReady(), RESTING_MS);
  }

  #returnReady() {
    for (const lease of this.#ready.splice(0)) this.return(lease);
  }

  async #beat() {
    if (Date.now() - this.#touched > IDLE_MS) {
      this.on.onIdle();
      return;
    }
    await Promise.all([this.lease, ...this.#ready].filter(Boolean).map(({ lease_id: id }) => this.#renew(id)));
  }

  async #renew(id) {
    try {
      await this.api.renew(id, SECONDS);
    } catch (error) {
      // Transient failures wait for the next beat; a reply about an earlier lease concerns nobody any more.
      if (error.transient) return;
      this.#ready = this.#ready.filter((lease) => lease.lease_id !== id);
      if (this.lease?.lease_id === id) this.on.onLost(error);
    }
  }
}
