/** Which tests failed in vitest's JSON reports and why, a few lines each: whoever sees only the end of a long log must learn it. */
import { relative } from 'node:path';

/** Lines of a failure's message that are shown: what was expected, not where every frame of the stack is. */
const MESSAGE_LINES = 3;
const MAX_LINE = 300;

interface Failed {
  file: string;
  test: string;
  message: string;
}

/** One text per failed test, or per file that failed without one. Whatever is no report has none. */
export function describeFailures(report: unknown, root: string): string[] {
  return list(report, 'testResults').flatMap((file) => {
    const name = relative(root, text(file, 'name'));
    const failed = list(file, 'assertionResults')
      .filter((test) => text(test, 'status') === 'failed')
      .map((test) => ({ file: name, test: text(test, 'fullName'), message: messagesOf(test) }));
    const isBroken = failed.length === 0 && text(file, 'status') === 'failed';
    return (isBroken ? [{ file: name, test: 'the file itself', message: text(file, 'message') }] : failed).map(format);
  });
}

function format({ file, test, message }: Failed): string {
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const isFrame = (line: string): boolean => line.startsWith('at ');
  const where = lines.find((line) => isFrame(line) && line.includes(file));
  const shown = lines.filter((line) => !isFrame(line)).slice(0, MESSAGE_LINES);
  return [`FAILED ${file}: ${test}`, ...shown, ...(where === undefined ? [] : [where])]
    .map((line, index) => (index === 0 ? line : `    ${line.slice(0, MAX_LINE)}`))
    .join('\n');
}

function messagesOf(test: object): string {
  const messages: unknown = Reflect.get(test, 'failureMessages');
  return Array.isArray(messages) ? messages.map(String).join('\n') : '';
}

function list(value: unknown, key: string): object[] {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return Array.isArray(found) ? found.filter((item): item is object => typeof item === 'object' && item !== null) : [];
}

function text(value: object, key: string): string {
  const found: unknown = Reflect.get(value, key);
  return typeof found === 'string' ? found : '';
}
