import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Some MB that would stay resident beside every brick: an agent without TLS never loads them. */
const SECURE = /^import (?!type )[^;]* from '(node:)?(tls|https|http2)';/m;

it('Modules of TLS are loaded where TLS is used, never at the start', () => {
  const files = globSync('src/**/*.ts');
  const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
  expect([...texts].filter(([, text]) => SECURE.test(text)).map(([file]) => file)).toEqual([]);
  // That there is something to look at.
  expect([...texts.values()].filter((text) => /getBuiltinModule\('node:(tls|https)'\)/.test(text))).toHaveLength(4);
  expect("import { connect } from 'node:tls';").toMatch(SECURE);
});
