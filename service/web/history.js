/** The last answers of this page's life, so that a slip can be corrected. In memory only. */

const REMEMBERED = 10;

/**
 * An answer as it stands: `answerId` is null until the service has acknowledged it.
 * @typedef {{answerId: string|null, lease?: object, text: string, context: string, body: object}} Answered
 */

export class History {
  #done = [];

  get empty() {
    return this.#done.length === 0;
  }

  /** @param {Answered} record */
  add(record) {
    this.#done.push(record);
    if (this.#done.length > REMEMBERED) this.#done.shift();
  }

  /** An answer that did not count. @param {Answered} record */
  remove(record) {
    this.#done = this.#done.filter((each) => each !== record);
  }

  /**
   * @param {Answered|null} record null for the present
   * @returns {Answered|undefined} the one answered just before it; the last of all before one that is not among them
   */
  before(record) {
    const at = this.#done.indexOf(record);
    return this.#done[(at < 0 ? this.#done.length : at) - 1];
  }
}
