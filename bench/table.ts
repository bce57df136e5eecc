import { spreadOf } from "./statistics.ts";

/** Formats the minimum, median and maximum of values. */
export function spanOf(values: readonly number[], digits = 1): string {
  const { min, median, max } = spreadOf(values);
  return [min, median, max].map((value) => format(value, digits)).join("/");
}

/** Formats a number without trailing zeros. */
function format(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, "");
}

/** Prints rows as a table; the first row has the names of the columns. */
export function printTable(rows: readonly Record<string, unknown>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const lines = [
    names,
    ...rows.map((row) => names.map((name) => `${row[name]}`)),
  ];
  const widths = names.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length))
  );
  for (const line of lines) {
    const [name, ...cells] = line.map((cell, column) =>
      column === 0
        ? cell.padEnd(widths[column]!)
        : cell.padStart(widths[column]!)
    );
    console.log([name, ...cells].join("  "));
  }
}

/** Prints tables whose rows come one after another. */
export class GrowingTable {
  #widths: readonly number[] | undefined = undefined;

  /** Prints a row, and the names of the columns before the first. */
  print(row: Readonly<Record<string, string>>): void {
    const names = Object.keys(row);
    if (this.#widths === undefined) {
      this.#widths = names.map((name) => Math.max(name.length, 7));
      console.log(this.#line(names));
    }
    console.log(this.#line(Object.values(row)));
  }

  #line(cells: readonly string[]): string {
    return cells.map((cell, column) => cell.padStart(this.#widths![column]!))
      .join("  ");
  }
}
