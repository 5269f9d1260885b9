import { pino, type Logger } from 'pino';
import type { RecentLog } from './recent-log.ts';

const STDOUT = 1;
const STDERR = 2;

/**
 * JSON lines on stdout, one an event, times in ISO 8601. Written synchronously: a line that matters most is the one before
 * a crash.
 *
 * @param recent keeps the last lines
 */
export function createLogger(level: string, base: Record<string, unknown>, recent: RecentLog): Logger {
  return logTo(STDOUT, level, base, recent);
}

/** The same for commands, whose stdout is their answer. */
export function createCommandLogger(level: string, base: Record<string, unknown>): Logger {
  return logTo(STDERR, level, base);
}

function logTo(dest: number, level: string, base: Record<string, unknown>, recent?: RecentLog): Logger {
  const out = pino.destination({ dest, sync: true });
  const write = (line: string): void => {
    recent?.add(line);
    out.write(line);
  };
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.authorization', '*.token', '*.password'], censor: '[redacted]' },
    },
    { write },
  );
}
