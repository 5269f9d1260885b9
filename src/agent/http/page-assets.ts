/**
 * The status page as one document, put together when somebody first asks for it: its parts are files beside this one, or beside
 * the bundle. Styles and scripts stand in it whole, and the policy names them by hash, so that nothing else is ever run.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface PageDocument {
  html: string;
  etag: string;
  /** For Content-Security-Policy. */
  policy: string;
}

const STYLE = 'style.css';
/** In this order, in one global scope. */
export const SCRIPTS = ['format.js', 'dom.js', 'panels.js', 'page.js'];

const read = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8');

export function assemblePage(): PageDocument {
  const style = read(STYLE);
  const scripts = SCRIPTS.map(read);
  const html = read('index.html')
    .replace('<!-- style -->', () => `<style>${style}</style>`)
    .replace('<!-- scripts -->', () => scripts.map((script) => `<script>${script}</script>`).join('\n    '));
  return { html, etag: `"${sha256(html).slice(0, 22)}"`, policy: policyOf(style, scripts) };
}

function policyOf(style: string, scripts: readonly string[]): string {
  return [
    "default-src 'none'",
    `script-src ${scripts.map((script) => `'sha256-${sha256(script)}'`).join(' ')}`,
    `style-src 'sha256-${sha256(style)}'`,
    "connect-src 'self'",
    // The icon stands in the page.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // Text becomes a node by textContent only: the browser refuses every way by which it could become markup.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
