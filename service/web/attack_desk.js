/** The work on one text: what is typed is scored when the fingers rest, and only the newest reply counts. */

import { History } from "./attack_history.js";

const REST_MS = 250;
const LOADING_MS = 2_500;
const PAGES = 1_000;

export class Desk {
  #api;
  #view;
  #words;
  #onDenied;
  #draft = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
  #history = new History("");
  #start = { kind: "blank", id: "", label: null, severity: null };
  #context = "";
  #began = 0;
  #timer = 0;
  #scoring = new AbortController();
  #suggesting = new AbortController();
  #now = null;
  #offers = [];
  #seeds = { seed: 0, finding: 0 };

  /** @param {{api: object, view: object, words: object, onDenied: (error: Error) => void}} parts */
  constructor({ api, view, words, onDenied }) {
    this.#api = api;
    this.#view = view;
    this.#words = words;
    this.#onDenied = onDenied;
  }

  /** Another text to begin with. @param {"seed"|"finding"|"blank"} source */
  async begin(source) {
    const offset = source === "blank" ? 0 : this.#seeds[source];
    const found = await this.#asked(() => this.#api.attackSeeds(source, offset));
    if (!found) return;
    if (found.seeds.length === 0) {
      this.#seeds[source] = 0;
      this.#view.say(offset ? "That was the last one; once more from the beginning." : `There is no ${source} to begin with.`, "warn");
      return;
    }
    if (source !== "blank") this.#seeds[source] = (offset + 1) % PAGES;
    this.#open(found.seeds[0]);
  }

  #open(seed) {
    this.#start = seed;
    this.#context = seed.context;
    this.#history = new History(seed.text);
    // A text field knows one kind of line end; what it makes of others is the first step.
    this.#history.typed(seed.text.replaceAll("\r\n", "\n").replaceAll("\r", "\n"));
    this.#began = performance.now();
    this.#view.origin(seed, seed.context);
    this.#view.say("");
    this.#changed(0);
  }

  typed(text) {
    this.#history.typed(text);
    this.#changed(REST_MS);
  }

  /** The context of a blank page. @param {string} text */
  placed(text) {
    this.#context = text;
    this.#changed(REST_MS);
  }

  undo() {
    this.#history.undo();
    this.#changed(0);
  }

  redo() {
    this.#history.redo();
    this.#changed(0);
  }

  /** The severity was guessed anew. */
  guessed() {
    this.#changed(0);
  }

  #changed(wait) {
    this.#suggesting.abort();
    this.#view.hideSuggestions();
    this.#view.edited(this.#history);
    this.#words.show(this.#history.text);
    this.#later(wait);
  }

  #later(wait) {
    clearTimeout(this.#timer);
    this.#scoring.abort();
    this.#timer = setTimeout(() => this.#score(), wait);
  }

  async #score() {
    const { text } = this.#history;
    if (text.trim() === "") {
      this.#now = null;
      this.#view.scores(null);
      return;
    }
    this.#scoring = new AbortController();
    const { signal } = this.#scoring;
    const parent = this.#start.kind === "finding" ? this.#start.id : null;
    const body = { text, context: this.#context, draft: this.#draft, severity: this.#view.severity, parent };
    const found = await this.#asked(() => this.#api.attackScore(body, signal), signal, () => this.#score());
    if (!found || signal.aborted) return;
    this.#now = found.goal.probability;
    this.#view.scores(found);
    if (found.words) this.#words.weigh(found.words);
    else if (/loaded/.test(found.missing.saliency ?? "")) this.#timer = setTimeout(() => this.#score(), LOADING_MS);
    this.#view.scored = text;
  }

  /**
   * Suggests for a word, or anywhere in the text.
   * @param {{start: number, end: number, word: string}|null} span null = anywhere
   * @param {boolean} more a longer list
   * @returns {Promise<boolean>} whether there are any
   */
  async suggest(span, more = false) {
    this.#suggesting.abort();
    this.#suggesting = new AbortController();
    const { signal } = this.#suggesting;
    const { text } = this.#history;
    if (text.trim() === "") return false;
    this.#words.mark(span);
    const word = span && span.word;
    this.#view.suggestions(word, null, { now: this.#now, more });
    const body = { text, context: this.#context, draft: this.#draft, start: span?.start, end: span?.end, more };
    const found = await this.#asked(() => this.#api.attackSuggest(body, signal), signal);
    if (signal.aborted) return false;
    this.#offers = found?.suggestions ?? [];
    this.#view.suggestions(word, this.#offers, { cost: found?.cost, now: this.#now, more });
    if (!found) this.#view.hideSuggestions();
    return this.#offers.length > 0;
  }

  /** Takes a suggestion by its place in the list. @param {number} at @returns {number} where the text changed */
  take(at) {
    const { edit, text } = this.#offers[at];
    this.#history.take(edit, text);
    this.#changed(0);
    return edit.at;
  }

  /** Hands the attack in. @param {string} note */
  async submit(note) {
    const { kind, id } = this.#start;
    const body = {
      text: this.#history.text,
      context: this.#context,
      start: { kind, id },
      edits: this.#history.edits,
      severity: this.#view.severity,
      note,
      seconds: Math.round((performance.now() - this.#began) / 100) / 10,
    };
    const done = await this.#asked(() => this.#api.attackSubmit(body));
    if (done) this.#view.handedIn(done);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#scoring.abort();
    this.#suggesting.abort();
  }

  /** What a request brought, or null where it failed: then it is said why, and tried again where that may help. */
  async #asked(request, signal, again) {
    try {
      const found = await request();
      if (!signal?.aborted) this.#view.say("");
      return found;
    } catch (error) {
      if (signal?.aborted) return null;
      // This is the newest request; one that was given up arrived after it and took its place.
      if (error.code === "overtaken") return this.#asked(request, signal, again);
      if (error.denied) this.#onDenied(error);
      else if (error.transient && again) {
        const seconds = error.retryAfter ?? 2;
        this.#view.say(`${error.message}; trying again in ${seconds} s`, "warn");
        clearTimeout(this.#timer);
        this.#timer = setTimeout(again, seconds * 1000);
      } else this.#view.say(error.message, "warn");
      return null;
    }
  }
}
