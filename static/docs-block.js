// A block of text that can be copied: a command, or one of several examples.
import { announce } from "/static/announce.js";
import { el, setText } from "/static/dom.js";

/** A block with a title and one text. */
export function block(title, text) {
  const pre = el("pre", { tabindex: "0", "aria-label": title, text });
  return framed(el("span", { class: "small-title", text: title }), pre);
}

/** A block whose text is chosen by name; `texts` are pairs of name and text. */
export function choice(title, texts) {
  if (texts.length === 1) return block(title, texts[0][1]);
  const pre = el("pre", { tabindex: "0", "aria-label": title, text: texts[0][1] });
  const select = el("select", { "aria-label": title, onchange: () => setText(pre, texts[select.selectedIndex][1]) },
    texts.map(([name]) => el("option", { text: name })));
  return framed(select, pre);
}

function framed(head, pre) {
  const button = el("button", { type: "button", class: "button small", text: "Copy", onclick: () => copy(pre, button) });
  return el("div", { class: "block" }, el("div", { class: "block-head" }, head, button), pre);
}

// Pages of plain http have no clipboard but on this machine: then the text is selected for the person's own copying.
async function copy(pre, button) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
    setText(button, "Copied");
    announce("Copied");
    setTimeout(() => setText(button, "Copy"), 2_000);
  } catch {
    getSelection().selectAllChildren(pre);
    announce("Selected; copy it with the keyboard");
  }
}
