/** Marked parts of a text: joined, kept in order, and told to the service in code points instead of UTF-16 units. */

const LOW_SURROGATE = /[\uDC00-\uDFFF]/;

/** What a word, a number or a sign has and mere space or punctuation has not. */
const TELLING = /[\p{L}\p{N}\p{S}]/u;
const UNSEEN_BEFORE = /^[\p{Cf}\s]+/u;
const UNSEEN_AFTER = /[\p{Cf}\s]+$/u;

/** Words, numbers and signs of a text as [start, end), without what is not seen at their ends. */
export function words(text) {
  const segments = new Intl.Segmenter(undefined, { granularity: "word" }).segment(text);
  return Array.from(segments)
    .filter(({ segment }) => TELLING.test(segment))
    .map(({ segment, index }) => [index + segment.length - segment.replace(UNSEEN_BEFORE, "").length, index + segment.replace(UNSEEN_AFTER, "").length]);
}

/**
 * Parts with one more, in order; those that touch or have nothing but space between them become one.
 * @param {[number, number][]} parts @param {[number, number]} part @param {string} text
 */
export function withPart(parts, part, text) {
  const joined = [];
  for (const [start, end] of [...parts, part].sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && text.slice(last[1], start).trim() === "") last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** A selection without the space around it and without half a character; null where nothing is left. */
export function trimmed([start, end], text) {
  if (LOW_SURROGATE.test(text[start] ?? "")) start -= 1;
  if (LOW_SURROGATE.test(text[end] ?? "")) end += 1;
  const part = text.slice(start, end);
  const [from, to] = [end - part.trimStart().length, start + part.trimEnd().length];
  return from < to ? [from, to] : null;
}

/** As the service stores them: {start, end} in code points. */
export function toPoints(parts, text) {
  return parts.map(([start, end]) => ({ start: points(text, start), end: points(text, end) }));
}

/** Back from what the service stores. */
export function fromPoints(spans, text) {
  return spans.map(({ start, end }) => [units(text, start), units(text, end)]);
}

/** How many code points come before an offset. */
function points(text, offset) {
  let count = 0;
  for (const _ of text.slice(0, offset)) count += 1;
  return count;
}

/** The offset behind so many code points. */
function units(text, count) {
  let at = 0;
  for (; count > 0 && at < text.length; count -= 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}
