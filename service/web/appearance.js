/** How this browser shows the pages: what people chose, kept here and never sent anywhere. Loading this applies it. */

const NAME = "hungjury.settings";
const DEFAULTS = { theme: "system", size: "100", cover: false, breaks: "50" };

/** All that was chosen, with defaults for the rest. */
export function chosen() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(NAME)) };
  } catch {
    return { ...DEFAULTS };
  }
}

/** Keeps one choice beside the others, and shows it. */
export function choose(name, value) {
  localStorage.setItem(NAME, JSON.stringify({ ...chosen(), [name]: value }));
  appear();
}

function appear() {
  const { theme, size } = chosen();
  Object.assign(document.documentElement.dataset, { theme, size });
}

appear();
addEventListener("storage", ({ key }) => key === NAME && appear());
