// The model's text as it is written: appends what is new, strikes out what a failed attempt left.
import { byId, setShown, setText } from "/static/dom.js";
import { followScroll } from "/static/follow-scroll.js";

/** Mounts the panel; the returned function shows the text of a job state. */
export function mountModelText() {
  const panel = byId("model");
  const box = byId("model-text");
  const note = byId("model-note");
  const follow = followScroll(box, byId("model-latest"));
  const node = document.createTextNode("");
  box.append(node);

  return (written, isOver) => {
    const content = written?.content ?? "";
    setShown(panel, content !== "" || !isOver);
    setText(note, noteFor(written, isOver));
    box.classList.toggle("void", written?.isVoid === true);
    box.classList.toggle("blank", content === "");
    if (content === node.data) return;
    if (node.data !== "" && content.startsWith(node.data)) node.appendData(content.slice(node.data.length));
    else node.data = content;
    follow();
  };
}

function noteFor(written, isOver) {
  if (!written) return isOver ? "" : "Nothing written yet";
  if (written.isVoid) return "Void: that attempt did not finish";
  const where = written.step > 0 ? `Step ${written.step}` : "";
  return written.attempt > 1 ? `${where}, attempt ${written.attempt}` : where;
}
