/** How this browser shows the page: theme, size of letters, covered texts, reminders. Kept here, never sent anywhere. */

const NAME = "hungjury.settings";
const DEFAULTS = { theme: "system", size: "100", cover: false, breaks: "50" };

export class Settings {
  #form = document.getElementById("settings-form");
  #dialog = document.getElementById("settings");

  /** @param {() => void} onChange */
  constructor(onChange = () => {}) {
    this.#apply();
    this.#form.addEventListener("change", () => {
      const { theme, size, cover, breaks } = this.#form.elements;
      localStorage.setItem(NAME, JSON.stringify({ theme: theme.value, size: size.value, cover: cover.checked, breaks: breaks.value }));
      this.#apply();
      onChange();
    });
  }

  /** Texts are covered until asked for. */
  get cover() {
    return this.#chosen.cover;
  }

  /** Minutes of work after which a break is proposed; 0 for never. */
  get breaks() {
    return Number(this.#chosen.breaks);
  }

  toggle() {
    if (this.#dialog.open) this.#dialog.close();
    else this.#dialog.showModal();
  }

  get #chosen() {
    try {
      return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(NAME)) };
    } catch {
      return DEFAULTS;
    }
  }

  #apply() {
    const chosen = this.#chosen;
    Object.assign(document.documentElement.dataset, { theme: chosen.theme, size: chosen.size });
    const { theme, size, cover, breaks } = this.#form.elements;
    for (const [field, value] of [[theme, chosen.theme], [size, chosen.size], [breaks, chosen.breaks]]) field.value = value;
    cover.checked = chosen.cover;
  }
}
