import { describe } from "../base/describe.ts";

/** One server-sent event, by the fields of its format; each may be left out. */
export interface ServerEvent {
  /** The type of the event; without one the page sees `"message"`. */
  readonly event?: string;
  /**
   * The id of the event. A browser that reconnects sends the last id that it has
   * seen, in `Last-Event-ID`.
   */
  readonly id?: string;
  /** Text, which may have several lines; any other value is sent as JSON. */
  readonly data?: unknown;
  /** Milliseconds, as in the format, after which a browser reconnects. */
  readonly retry?: number;
}

/** Writes an event in the format of the stream. */
export function formatEvent({ event, id, data, retry }: ServerEvent): string {
  let text = "";
  if (event !== undefined) text += `event: ${checkField("name", event)}\n`;
  if (id !== undefined) text += `id: ${checkField("id", id)}\n`;
  if (retry !== undefined) {
    if (!Number.isSafeInteger(retry) || retry < 0) {
      throw new RangeError(
        `Cannot send event: retry is not a whole number of milliseconds: ${
          describe(retry)
        }`,
      );
    }
    text += `retry: ${retry}\n`;
  }
  if (data !== undefined) {
    for (const line of textOf(data).split(/\r\n|\r|\n/)) {
      text += `data: ${line}\n`;
    }
  }
  return `${text}\n`;
}

function textOf(data: unknown): string {
  if (typeof data === "string") return data;
  const json: string | undefined = JSON.stringify(data);
  if (json !== undefined) return json;
  throw new TypeError(
    `Cannot send event: the data is neither text nor JSON: ${describe(data)}`,
  );
}

function checkField(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) {
    throw new RangeError(
      `Cannot send event: the ${name} has a line break or a NUL: ${
        describe(value)
      }`,
    );
  }
  return value;
}
