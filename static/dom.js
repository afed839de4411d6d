// Builds DOM nodes from data. Text is always set as text, never parsed as HTML.

/** The element with this id; the page's own skeleton is the only source of ids. */
export function byId(id) {
  return document.getElementById(id);
}

/** An element with properties (`class`, `text`, `on…` handlers, else attributes) and children; null ones are skipped. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

/** Writes text only when it differs, so that nothing is laid out or read aloud for no reason. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides a node. If it holds the focus while being hidden, the focus goes to `instead`. */
export function setShown(node, shown, instead = null) {
  if (node.hidden === !shown) return;
  const held = !shown && node.contains(document.activeElement);
  node.hidden = !shown;
  if (held && instead) instead.focus({ preventScroll: true });
}

/**
 * Runs `work` while its button says `busyText`. The button keeps the focus, which a disabled one would lose, and ignores
 * further presses until the work is done.
 */
export async function whileBusy(button, busyText, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  const idleText = button.textContent;
  button.setAttribute("aria-disabled", "true");
  setText(button, busyText);
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
    setText(button, idleText);
  }
}

/** A link to an outside address, or plain text if the address is not http(s). */
export function outsideLink(address, text = address) {
  let parsed;
  try {
    parsed = new URL(address);
  } catch {
    return document.createTextNode(String(text));
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return document.createTextNode(String(text));
  return el("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer", text });
}
