// Keeps a growing scroll box at its end while the reader is there, and leaves it alone when they scrolled away.
import { setShown } from "/static/dom.js";

/** How near to the end, in pixels, still counts as being there. */
const NEAR = 24;

/** Call the returned function after each growth; `jump` is a button shown while the reader is elsewhere. */
export function followScroll(box, jump) {
  let following = true;
  const toEnd = () => { box.scrollTop = box.scrollHeight; };
  box.addEventListener("scroll", () => {
    following = box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR;
    setShown(jump, !following, box);
  }, { passive: true });
  jump.addEventListener("click", () => {
    following = true;
    toEnd();
    setShown(jump, false, box);
  });
  return () => { if (following) toEnd(); };
}
