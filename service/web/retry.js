/** Repeating a request until it gets through, at growing intervals that a person can cut short. */

import { ApiError } from "./api.js";

const DELAYS = [1, 2, 4, 8, 15, 30];

/** Sleeps that can be ended early, by hand or because the network is back. */
export class Waker {
  #sleepers = new Set();

  /** @param {AbortSignal} signal ends every sleep. */
  constructor(signal) {
    window.addEventListener("online", () => this.wake(), { signal });
    signal.addEventListener("abort", () => this.wake());
  }

  /** @param {number} seconds */
  sleep(seconds) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#sleepers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, seconds * 1000);
      this.#sleepers.add(end);
    });
  }

  wake() {
    for (const end of [...this.#sleepers]) end();
  }
}

/**
 * Calls until there is a definite reply. Only for requests that may safely arrive twice.
 * @param {() => Promise<T>} call
 * @param {{waker: Waker, signal: AbortSignal, onWait: (error: ApiError, seconds: number) => void}} how
 * @returns {Promise<T>}
 * @template T
 */
export async function persist(call, { waker, signal, onWait }) {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ApiError && error.transient)) throw error;
      signal.throwIfAborted();
      const seconds = pause(attempt, error.retryAfter);
      onWait(error, seconds);
      await waker.sleep(seconds);
    }
  }
}

/** Seconds before the next attempt: what the service asked for, else doubling up to half a minute; never exactly together. */
function pause(attempt, retryAfter) {
  const base = DELAYS[Math.min(attempt, DELAYS.length - 1)];
  return Math.max(base, Math.min(retryAfter ?? 0, 120)) * (0.85 + 0.3 * Math.random());
}
