/** The inside of a Markdown line: emphasis, code and links, as nodes; never HTML. */

const INLINE = new RegExp(
  [
    String.raw`\\(?<escaped>[!-/:-@[-\`{-~])`,
    String.raw`(?<ticks>\`+)(?<code>[^\`]|[^\`].*?[^\`])\k<ticks>(?!\`)`,
    String.raw`(?<two>\*\*|__)(?=\S)(?<strong>.+?)(?<=\S)\k<two>`,
    String.raw`\*(?=\S)(?<star>.+?)(?<=\S)\*(?!\*)`,
    String.raw`(?<!\w)_(?=\S)(?<under>.+?)(?<=\S)_(?!\w)`,
    String.raw`\[(?<label>[^\]]+)\]\((?<href>[^()\s]+)\)`,
  ].join("|"),
  "s",
);

/**
 * @param {string} text
 * @returns {(Node|string)[]}
 */
export function inline(text) {
  const nodes = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    nodes.push(rest.slice(0, match.index), node(match.groups));
    rest = rest.slice(match.index + match[0].length);
  }
  return [...nodes, rest].filter((part) => part !== "");
}

function node({ escaped, code, strong, star, under, label, href }) {
  if (escaped) return escaped;
  if (code) return element("code", [code.trim()]);
  if (strong) return element("strong", inline(strong));
  if (label) return link(label, href);
  return element("em", inline(star ?? under));
}

/** Only web addresses become links; any other scheme stays text. */
function link(label, href) {
  if (!/^https?:\/\//i.test(href)) return element("span", [`${label} (${href})`]);
  const anchor = element("a", inline(label));
  Object.assign(anchor, { href, rel: "noopener noreferrer", target: "_blank" });
  return anchor;
}

/**
 * @param {string} name
 * @param {(Node|string)[]} children
 */
export function element(name, children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
