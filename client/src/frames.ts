// Decodes `text/event-stream` (WHATWG HTML, section 9.2.6) from bytes in pieces of any size.
// Must not know what is streamed.

/** A piece of the stream. `id` is the last event id in force. */
export type Frame =
  | { kind: "event"; id: string; event: string; data: string }
  | { kind: "comment"; text: string }
  | { kind: "retry"; milliseconds: number };

/** A frame may have so many characters; a stream with a longer one is refused rather than kept in memory. */
const LONGEST_FRAME = 16 * 1024 * 1024;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Takes bytes, gives frames. A frame that is not followed by an empty line is never given. */
export class FrameDecoder {
  // Strips a byte order mark, and puts U+FFFD for what is no UTF-8, also where a character is cut in two.
  readonly #text = new TextDecoder("utf-8");
  /** The pieces of a line whose end has not come. Joined once, so that a long line in small pieces takes no square of its length. */
  #rest: string[] = [];
  #skipsLineFeed = false;
  #id = "";
  #event = "";
  #data: string[] = [];
  #length = 0;

  /** The frames that these bytes complete. Throws a `RangeError` when a frame is too long. */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    const text = this.#text.decode(bytes, { stream: true });
    let start = 0;
    for (let at = 0; at < text.length; at += 1) {
      const character = text.charCodeAt(at);
      const skips = character === LINE_FEED && this.#skipsLineFeed;
      this.#skipsLineFeed = character === CARRIAGE_RETURN;
      if (skips) start = at + 1;
      else if (character === LINE_FEED || character === CARRIAGE_RETURN) {
        this.#line(this.#wholeLine(text.slice(start, at)), frames);
        start = at + 1;
      }
    }
    this.#keep(text.slice(start));
    return frames;
  }

  #wholeLine(end: string): string {
    if (this.#rest.length === 0) return end;
    const line = [...this.#rest, end].join("");
    this.#length -= line.length - end.length;
    this.#rest = [];
    return line;
  }

  #keep(piece: string): void {
    if (piece === "") return;
    this.#rest.push(piece);
    this.#grow(piece.length);
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
      this.#grow(value.length + 1);
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

  #grow(characters: number): void {
    this.#length += characters;
    if (this.#length > LONGEST_FRAME) throw new RangeError(`A frame of the stream has more than ${LONGEST_FRAME} characters.`);
  }
}
