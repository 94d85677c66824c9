/** What the page says in its turning points, in one place so that it reads as one voice. */

export const POLL_SECONDS = 10;

export const EMPTY = {
  title: "Nothing is waiting for you",
  text: `You have seen every text that is due. This page looks again every ${POLL_SECONDS} seconds, so you can leave it open.`,
  button: "Look now",
};

export const IDLE = {
  title: "Paused",
  text: "Nobody was here for half an hour, so the text went back to the queue for somebody else.",
  button: "Continue",
};

export const BREAK = {
  title: "Have a good break",
  text: "The text went back to the queue meanwhile; there will be another one.",
  button: "Continue",
};

/** Why a text is skipped, by the key that says so. */
export const REASONS = { 1: "cannot be read", 2: "another language", 3: "context missing", 4: "too distressing", 5: "other" };

export const COVERED = "The text is covered. Space or a tap shows it.";

export const LOST = "Your hold on the last text ran out, so it went back to the queue. Here is the next one.";

/** An answer in words: "yes, severity 2". */
export function inWords({ answer, severity }) {
  return severity === undefined ? answer : `${answer}, severity ${severity}`;
}

/** Why an answer, correction or skip had no effect. */
export function missed({ kind }, error) {
  if (kind === "amend") return "That answer can no longer be corrected; it stays as it was.";
  if (kind === "skip") return "Your hold on the skipped text had already run out.";
  if (error.code === "answer_conflict") return "You had already answered that text otherwise; the earlier answer stands.";
  return "Your hold on the last text ran out before the answer arrived, so it was not counted.";
}

/**
 * Why a request waits, and until when.
 * @param {import("./api.js").ApiError} error
 * @param {number} seconds
 * @param {import("./session.js").Message[]} unsent
 */
export function delayed(error, seconds, unsent) {
  const [first, ...more] = unsent.map(({ kind, body }) => (kind === "skip" ? "the skip" : `“${inWords(body)}”`));
  const what = first ? `Not sent yet: ${first}${more.length > 0 ? ` and ${more.length} more` : ""}. ` : "";
  const why = error.status === 0 ? "The service cannot be reached;" : "The service is busy or restarting;";
  return `${what}${why} next try in ${Math.max(1, Math.round(seconds))} s.`;
}

const OVER = {
  session_over: "You have been signed out: the session was over, or the key was revoked. Sign in again; an answer that was not sent yet is kept.",
  key_expired: "The time of this key is over. Ask whoever runs the service for a new one.",
  bad_csrf_token: "Somebody signed in or out in another tab of this browser. Sign in again; an answer that was not sent yet is kept.",
};

/** Why signing in failed, or is needed again. */
export function unwelcome(error) {
  if (OVER[error.code]) return OVER[error.code];
  if (error.code === "no_session") return OVER.session_over;
  if (error.status === 401) return "This key is not known here. Check that you pasted all of it, and that it was not revoked.";
  if (["wrong_task", "wrong_scope", "foreign_origin"].includes(error.code)) return `Not possible: ${error.message}.`;
  if (error.denied) return "This key may not label. Ask for one with the role “label”.";
  if (error.status === 0) return "The service cannot be reached. Check the connection and try again.";
  return `Signing in failed: ${error.message}`;
}
