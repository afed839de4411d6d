// An EventSource that a test plays the browser for.
export class TestEventSource extends EventTarget {
  static readonly opened: TestEventSource[] = [];
  readonly url: string;
  isClosed = false;

  constructor(url: string | URL) {
    super();
    this.url = String(url);
    TestEventSource.opened.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  /** The frames of a stream's text, as a browser hands them out. */
  receives(text: string): void {
    this.dispatchEvent(new Event("open"));
    for (const [, id, event, data] of text.matchAll(/^id: (.*)\nevent: (.*)\ndata: (.*)$/gm)) {
      this.dispatchEvent(Object.assign(new Event(event as string), { lastEventId: id, data }));
    }
  }

  fails(): void {
    this.dispatchEvent(new Event("error"));
  }
}
