// Buttons that copy a text, and boxes of commands with such buttons.
import { announce } from "/static/announce.js";
import { el, setText } from "/static/dom.js";

/** How long a button says what it has done, in milliseconds. */
const SAID = 2_000;

/** Makes a button copy what `textOf()` gives. */
export function mountCopy(button, textOf) {
  const idle = button.textContent;
  let timer = 0;
  button.addEventListener("click", async () => {
    const isCopied = await copy(textOf());
    setText(button, isCopied ? "Copied" : "Not allowed");
    announce(isCopied ? "Copied." : "The browser does not allow copying.");
    clearTimeout(timer);
    timer = setTimeout(() => {
      setText(button, idle);
      announce("");
    }, SAID);
  });
}

/** Commands, each with a title and a button that copies it. */
export function commandList(commands) {
  return commands.map(({ title, command }) => {
    const button = el("button", { type: "button", class: "button small copy", text: "Copy as curl", "aria-label": `Copy as curl: ${title}` });
    mountCopy(button, () => command);
    return el("li", { class: "command" },
      el("div", { class: "command-head" }, el("h3", { class: "small-title", text: title }), button),
      el("pre", { class: "command-text", tabindex: "0", role: "region", "aria-label": title }, el("code", { text: command })));
  });
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text);
  }
}

// The clipboard proper is there on secure origins alone, and a LAN address is not one.
function copyBySelecting(text) {
  const held = document.activeElement;
  const box = el("textarea", { class: "visually-hidden", "aria-hidden": "true", text });
  document.body.append(box);
  box.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    box.remove();
    held?.focus({ preventScroll: true });
  }
}
