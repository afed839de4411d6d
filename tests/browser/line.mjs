// A TCP line between the browser and the server that can be cut, mended, and made mute, as networks are.
import { connect, createServer } from "node:net";

/** Opens a line to the server at this URL; it ends with the program. */
export async function openLine(server) {
  const pairs = new Set();
  let isCut = false;
  const line = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(server.port), server.hostname);
    const pair = { near, far, isStream: false };
    pairs.add(pair);
    far.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      if (text.startsWith("HTTP/1.1 ")) pair.isStream = /^content-type: text\/event-stream/im.test(text);
    });
    for (const socket of [near, far]) {
      socket.on("error", () => { /* `close` follows. */ });
      socket.on("close", () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve, reject) => line.once("error", reject).listen(0, "127.0.0.1", resolve));
  line.unref();
  return {
    url: new URL(`http://127.0.0.1:${line.address().port}/`),
    /** Ends all connections and refuses new ones. */
    cut() {
      isCut = true;
      for (const { near } of pairs) near.destroy();
    },
    mend() {
      isCut = false;
    },
    /** The event streams that there are stay open, and bring nothing any more. */
    mute() {
      for (const { near, far } of [...pairs].filter(({ isStream }) => isStream)) {
        far.unpipe(near);
        far.resume();
      }
    },
  };
}
