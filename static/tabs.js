// A row of tabs: one panel is shown at a time, arrow keys move between the tabs.
// Must not know what the panels show.
import { setShown } from "/static/dom.js";

export class Tabs {
  #tabs;
  #onShow;
  /** The tab that is shown, by the name in `data-tab`. */
  current = "";

  /** Takes the tabs in `list`; each names its panel in `aria-controls`. `onShow(name, byPerson)` hears of every change. */
  constructor(list, onShow) {
    this.#tabs = [...list.querySelectorAll('[role="tab"]')];
    this.#onShow = onShow;
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.show(tab.dataset.tab, true));
    list.addEventListener("keydown", (event) => this.#move(event));
  }

  show(name, byPerson = false) {
    if (name === this.current) return;
    this.current = name;
    for (const tab of this.#tabs) {
      const isCurrent = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
      // The focus must not be lost with the panel that it is in.
      setShown(document.getElementById(tab.getAttribute("aria-controls")), isCurrent, this.#tabs.find((each) => each.dataset.tab === name));
    }
    this.#onShow(name, byPerson);
  }

  /** Offers a tab or takes it away; one that is taken away while it is shown gives way to `instead`. */
  offer(name, isOffered, instead) {
    if (!isOffered && this.current === name) this.show(instead);
    setShown(this.#tab(name), isOffered, this.#tab(instead));
  }

  /** Marks a tab whose panel has news, until it is shown. */
  mark(name, isMarked) {
    this.#tab(name).toggleAttribute("data-news", isMarked);
  }

  #tab(name) {
    return this.#tabs.find((tab) => tab.dataset.tab === name);
  }

  #move(event) {
    const offered = this.#tabs.filter((tab) => !tab.hidden);
    const at = offered.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: offered.length - 1 }[event.key];
    if (at === -1 || to === undefined) return;
    event.preventDefault();
    const next = offered[(to + offered.length) % offered.length];
    this.show(next.dataset.tab, true);
    next.focus();
  }
}
