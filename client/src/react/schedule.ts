// When a store tells its components that something changed: once a frame at most.
// Must not hold back the last change.

/** Calls back before the next frame is painted, or a quarter second later where nothing is painted. Returns what takes it back. */
export function beforeNextFrame(callback: () => void): () => void {
  let frame = 0;
  const timer = setTimeout(run, HIDDEN);
  if (typeof requestAnimationFrame === "function") frame = requestAnimationFrame(run);
  function end() {
    clearTimeout(timer);
    if (typeof cancelAnimationFrame === "function") cancelAnimationFrame(frame);
  }
  function run() {
    end();
    callback();
  }
  return end;
}

/** A page in the background gets no frames. In milliseconds. */
const HIDDEN = 250;
