import { stripVTControlCharacters, styleText } from 'node:util';

export type Cell = string | number | null | undefined;

export interface Column<T> {
  title: string;
  cell: (row: T) => Cell;
  align?: 'left' | 'right';
}

/** Rows for people: columns as wide as their widest cell, two spaces between, `-` where nothing is known. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.cell(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => width(line[index] ?? ''))),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const head = line(columns.map((column) => column.title));
  return [styleText('bold', head), ...cells.map(line)].join('\n');
}

/** Names of PVs and files come from tenants: control characters must not reach a terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}');
}

export function colourStatus(status: string): string {
  if (status === 'True') return styleText('green', status);
  return styleText(status === 'False' ? 'red' : 'yellow', status);
}

function plain(cell: Cell): string {
  return cell === null || cell === undefined || cell === '' ? '-' : String(cell);
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const fill = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'left' ? text + fill : fill + text;
}
