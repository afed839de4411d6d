// Decodes `text/event-stream` (WHATWG HTML, section 9.2.6) from bytes in pieces of any size.
// Must not know what is streamed.

/** A piece of the stream. `id` is the last event id in force. */
export type Frame =
  | { kind: "event"; id: string; event: string; data: string }
  | { kind: "comment"; text: string }
  | { kind: "retry"; milliseconds: number };

/** A frame may have so many characters; a stream with a longer one is refused rather than kept in memory. */
const LONGEST_FRAME = 16 * 1024 * 1024;

/** Takes bytes, gives frames. A frame that is not followed by an empty line is never given. */
export class FrameDecoder {
  // Strips a byte order mark, and puts U+FFFD for what is no UTF-8, also where a character is cut in two.
  readonly #text = new TextDecoder("utf-8");
  #rest = "";
  #skipsLineFeed = false;
  #id = "";
  #event = "";
  #data: string[] = [];
  #length = 0;

  /** The frames that these bytes complete. Throws a `RangeError` when a frame is too long. */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const text = this.#rest + this.#text.decode(bytes, { stream: true });
    let start = 0;
    // What was kept holds no end of a line.
    let at = this.#rest.length;
    for (; at < text.length; at += 1) {
      const character = text.charCodeAt(at);
      const isLineFeed = character === 10;
      if (isLineFeed && this.#skipsLineFeed && at === start) {
        this.#skipsLineFeed = false;
        start = at + 1;
        continue;
      }
      this.#skipsLineFeed = false;
      if (!isLineFeed && character !== 13) continue;
      this.#skipsLineFeed = !isLineFeed;
      this.#line(text.slice(start, at), frames);
      start = at + 1;
    }
    this.#rest = text.slice(start);
    this.#bound(this.#length + this.#rest.length);
    return frames;
  }

  #line(line: string, frames: Frame[]): void {
    if (line === "") return this.#dispatch(frames);
    const colon = line.indexOf(":");
    if (colon === 0) {
      frames.push({ kind: "comment", text: line.slice(1) });
      return;
    }
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.#field(name, value, frames);
  }

  #field(name: string, value: string, frames: Frame[]): void {
    if (name === "data") {
      this.#data.push(value);
      this.#length += value.length + 1;
      this.#bound(this.#length);
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) frames.push({ kind: "retry", milliseconds: Number(value) });
  }

  #dispatch(frames: Frame[]): void {
    if (this.#data.length > 0) {
      frames.push({ kind: "event", id: this.#id, event: this.#event || "message", data: this.#data.join("\n") });
    }
    this.#event = "";
    this.#data = [];
    this.#length = 0;
  }

  #bound(length: number): void {
    if (length > LONGEST_FRAME) throw new RangeError(`A frame of the stream has more than ${LONGEST_FRAME} characters.`);
  }
}
