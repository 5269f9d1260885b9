import { pino, type Logger } from 'pino';

/**
 * JSON lines on stdout, one an event, times in ISO 8601. Written synchronously: a line that matters most is the one before
 * a crash.
 */
export function createLogger(level: string, base: Record<string, unknown>): Logger {
  return pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.authorization', '*.token', '*.password'], censor: '[redacted]' },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
