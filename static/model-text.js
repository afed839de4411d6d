// The model's text as it is written: appends what is new, strikes out what a failed attempt left.
import { byId, setText } from "/static/dom.js";
import { followScroll } from "/static/follow-scroll.js";

/** Mounts the panel; the returned function shows the text of a job state. */
export function mountModelText() {
  const box = byId("model-text");
  const note = byId("model-note");
  const follow = followScroll(box, byId("model-latest"));
  const node = document.createTextNode("");
  box.append(node);

  return (written, isOver) => {
    const content = written?.content ?? "";
    setText(note, noteFor(written, isOver));
    box.classList.toggle("void", written?.isVoid === true);
    if (content === node.data) return;
    if (node.data !== "" && content.startsWith(node.data)) node.appendData(content.slice(node.data.length));
    else node.data = content;
    follow();
  };
}

function noteFor(written, isOver) {
  if (written === null) return isOver ? "The model’s text is removed some minutes after a job has ended." : "The model has not written anything yet.";
  if (written.isVoid) return `Void: attempt ${written.attempt} did not finish, and the next one writes anew.`;
  return `Step ${written.step}, attempt ${written.attempt}, as it is written.`;
}
