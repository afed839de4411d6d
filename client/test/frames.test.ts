import { describe, expect, it } from "vitest";
import { type Frame, FrameDecoder } from "../src/frames.js";

const utf8 = new TextEncoder();

function decode(...pieces: (string | Uint8Array)[]): Frame[] {
  const decoder = new FrameDecoder();
  return pieces.flatMap((piece) => decoder.push(typeof piece === "string" ? utf8.encode(piece) : piece));
}

describe("the decoder", () => {
  const text = '\u{feff}retry: 3000\r\nid: 7\r\nevent: delta\r\ndata: {"text":"grüße 🍵"}\r\n\r\n: alive\r\n\r\nid:8\ndata:one\ndata: two\n\nid: 9\rdata\r\r';
  const whole: Frame[] = [
    { kind: "retry", milliseconds: 3000 },
    { kind: "event", id: "7", event: "delta", data: '{"text":"grüße 🍵"}' },
    { kind: "comment", text: " alive" },
    { kind: "event", id: "8", event: "message", data: "one\ntwo" },
    { kind: "event", id: "9", event: "message", data: "" },
  ];

  it("reads byte order mark, all three line ends, comments, ids, retries and lines of data", () => {
    expect(decode(text)).toEqual(whole);
  });

  it("reads the same cut in two at every byte, and byte by byte", () => {
    const bytes = utf8.encode(text);
    for (let at = 0; at <= bytes.length; at += 1) expect(decode(bytes.slice(0, at), bytes.slice(at)), `cut at ${at}`).toEqual(whole);
    expect(decode(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it("gives no frame that was not finished", () => {
    expect(decode("id: 1\ndata: half\n")).toEqual([]);
    expect(decode('id: 1\ndata: {"a":1}')).toEqual([]);
  });

  it("keeps the id in force, and takes none with a NUL", () => {
    expect(decode("id: 4\ndata: a\n\ndata: b\n\nid: 5\0\ndata: c\n\nid\ndata: d\n\n").map((each) => (each.kind === "event" ? each.id : ""))).toEqual(["4", "4", "4", ""]);
  });

  it("ignores fields that it does not know and a retry that is no number", () => {
    expect(decode("foo: bar\nretry: soon\nretry: 12x\nevent: a\ndata: x\n\nevent: nothing\n\n")).toEqual([{ kind: "event", id: "", event: "a", data: "x" }]);
  });

  it("puts a replacement for what is no UTF-8", () => {
    expect(decode(utf8.encode("data: a"), Uint8Array.of(0xff), utf8.encode("b\n\n"))).toEqual([{ kind: "event", id: "", event: "message", data: "a\ufffdb" }]);
  });

  it("refuses a frame that would fill the memory", () => {
    const decoder = new FrameDecoder();
    const piece = utf8.encode("x".repeat(1024 * 1024));
    decoder.push(utf8.encode("data: "));
    expect(() => {
      for (let count = 0; count < 20; count += 1) decoder.push(piece);
    }).toThrow(RangeError);
  });

  it("takes time in proportion to the length, however small the pieces", () => {
    const decoder = new FrameDecoder();
    const byte = utf8.encode("x");
    for (let count = 0; count < 400_000; count += 1) decoder.push(byte);
    expect(decoder.push(utf8.encode("\n\n"))).toEqual([]);
  });
});
