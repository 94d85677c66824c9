/** The last answers of this page's life, so that a slip can be corrected. In memory only. */

const REMEMBERED = 20;

/** @typedef {{answerId: string, text: string, context: string, body: object}} Answered */

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

  /**
   * @param {Answered|null} record null for the present
   * @returns {Answered|undefined} the one answered just before
   */
  before(record) {
    return this.#done[(record ? this.#done.indexOf(record) : this.#done.length) - 1];
  }
}
