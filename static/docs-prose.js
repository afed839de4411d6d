// Lays out the document's words: paragraphs, lists and `code`, which is all of Markdown that they use. Text stays text.
import { el } from "/static/dom.js";

/** Words as nodes. */
export function prose(text) {
  const blocks = String(text ?? "").split(/\n{2,}/).map((block) => block.trim()).filter(Boolean);
  return blocks.map((block) => {
    const lines = block.split("\n");
    const isList = lines.every((line) => line.startsWith("- "));
    if (!isList) return el("p", {}, inline(block));
    return el("ul", {}, lines.map((line) => el("li", {}, inline(line.slice(2)))));
  });
}

/** Words within a line; what stands between backticks is code. */
export function inline(text) {
  return String(text ?? "").split("`").map((part, index) => (index % 2 === 1 ? el("code", { text: part }) : part)).filter((part) => part !== "");
}
