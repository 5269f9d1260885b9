/** The one line of /proc/<pid>/stat: field 2 is a name in parentheses that may hold anything, so it is split from the right. */

export interface StatLine {
  /** R, S, D, Z... */
  state: string;
  /** User plus system time, in clock ticks. */
  cpuTicks: number;
  threads: number;
  /** Clock ticks between boot and the start of the process. */
  startTicks: number;
}

/** `undefined` when the line is not of the kernel's form. */
export function parseStatLine(line: string): StatLine | undefined {
  const end = line.lastIndexOf(')');
  if (end < 0) return undefined;
  // Field numbers as in proc(5); the first word after the name is field 3.
  const fields = line.slice(end + 2).split(' ');
  const number = (field: number): number => Number(fields[field - 3] ?? 'NaN');
  const state = fields[0] ?? '';
  const cpuTicks = number(14) + number(15);
  const threads = number(20);
  const startTicks = number(22);
  if (!/^[A-Za-z]$/.test(state) || ![cpuTicks, threads, startTicks].every(Number.isSafeInteger)) return undefined;
  return { state, cpuTicks, threads, startTicks };
}
