// The one polite live region: step changes and ends are said here, never single deltas.
import { byId } from "/static/dom.js";

let last = "";

/** Has a screen reader say a sentence once. */
export function announce(sentence) {
  if (sentence === last) return;
  last = sentence;
  byId("announcer").textContent = sentence;
}
