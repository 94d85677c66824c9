/** The dialog in which people choose how the pages look and behave; a page offers those settings that mean something on it. */

import { choose, chosen } from "./appearance.js";

export class Settings {
  #form = document.getElementById("settings-form");
  #dialog = document.getElementById("settings");

  /** @param {() => void} onChange */
  constructor(onChange = () => {}) {
    this.#form.addEventListener("change", ({ target }) => {
      choose(target.name, target.type === "checkbox" ? target.checked : target.value);
      onChange();
    });
    for (const id of ["settings-button", "settings-close"]) document.getElementById(id)?.addEventListener("click", () => this.toggle());
  }

  /** Texts are covered until asked for. */
  get cover() {
    return chosen().cover;
  }

  /** Minutes of work after which a break is proposed; 0 for never. */
  get breaks() {
    return Number(chosen().breaks);
  }

  toggle() {
    if (this.#dialog.open) return this.#dialog.close();
    for (const field of this.#form.elements) {
      if (field.type === "checkbox") field.checked = chosen()[field.name];
      else field.value = chosen()[field.name];
    }
    this.#dialog.showModal();
  }
}
