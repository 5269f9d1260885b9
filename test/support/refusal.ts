import { AgentError, type ErrorCode } from '../../src/lib/errors.ts';

/** The code with which `work` refuses its input, or `ok`. Anything but an AgentError is a bug and is thrown on. */
export function refusal(work: () => unknown): ErrorCode | 'ok' {
  try {
    work();
    return 'ok';
  } catch (error) {
    if (error instanceof AgentError) return error.code;
    throw error;
  }
}
