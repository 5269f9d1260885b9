/** Where a command prints; tests collect it. */
export interface Output {
  line(text: string): void;
  error(text: string): void;
  /** Text that brings its own line ends. */
  raw(text: string): void;
  rawError(text: string): void;
}

export const terminal: Output = {
  line: (text) => void process.stdout.write(`${text}\n`),
  error: (text) => void process.stderr.write(`${text}\n`),
  raw: (text) => void process.stdout.write(text),
  rawError: (text) => void process.stderr.write(text),
};

export function printJson(output: Output, value: unknown): void {
  output.line(JSON.stringify(value, null, 2));
}
