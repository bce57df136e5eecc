import { spreadOf } from "./statistics.ts";

/** The minimum, median and maximum of values, as benchmarks print them. */
export function spanOf(values: readonly number[], digits = 1): string {
  const { min, median, max } = spreadOf(values);
  return [min, median, max].map((value) => format(value, digits)).join("/");
}

/** A number that ends where it says no more. */
function format(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, "");
}

/** Prints rows under the names of their cells, which are those of the first. */
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
