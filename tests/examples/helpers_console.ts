/** A line that an example has printed, and when, in UNIX milliseconds. */
export interface Line {
  readonly text: string;
  readonly at: number;
}

/** Records what is printed until it is disposed. */
export class Console implements Disposable {
  readonly lines: Line[] = [];
  readonly #log = console.log;

  constructor() {
    console.log = (...parts: unknown[]) => {
      this.lines.push({ text: parts.join(" "), at: Date.now() });
    };
  }

  [Symbol.dispose](): void {
    console.log = this.#log;
  }
}
