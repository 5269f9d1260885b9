'use strict';
/* Nodes. Text from outside becomes a text node, never markup. */

/** @typedef {'ok' | 'warning' | 'error' | 'info' | 'unknown'} Level */
/** @typedef {Node | string | null} Child */

/** A shape for each level, so that none needs its colour: circle, triangle, octagon, square, dashed circle. */
/** @type {Record<Level, readonly [body: string, sign: string]>} */
const SHAPES = {
  ok: ['M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z', 'm4.8 8.2 2.2 2.2 4.2-4.6'],
  warning: ['M8 1.6 15.2 14.4H.8Z', 'M8 6v4m0 1.8v.4'],
  error: ['M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z', 'm5.6 5.6 4.8 4.8m0-4.8-4.8 4.8'],
  info: ['M2.5 1.5h11a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1Z', 'M8 7.2v4.4M8 4.2v.6'],
  unknown: ['', 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8Z'],
};

const WORDS = { ok: 'Fine', warning: 'Warning', error: 'Error', info: 'To know', unknown: 'Unknown' };

/**
 * @param {string} tag @param {Record<string, string>} [attributes] @param {...Child} children @returns {HTMLElement}
 */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** @param {string} tag @param {Record<string, string>} attributes @param {...SVGElement} children @returns {SVGElement} */
function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The shape of a level; what it says stands beside it as text. @param {Level} level @returns {SVGElement} */
function mark(level) {
  const [body, sign] = SHAPES[level];
  const isKnown = level !== 'unknown';
  return svg(
    'svg',
    { class: `mark ${level}`, viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    ...(isKnown ? [svg('path', { d: body, fill: 'currentColor' })] : []),
    svg('path', {
      d: sign,
      fill: 'none',
      stroke: isKnown ? 'var(--card)' : 'currentColor',
      'stroke-width': '1.8',
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      ...(isKnown ? {} : { 'stroke-dasharray': '2.4 2.6' }),
    }),
  );
}

/** A shape and a word. @param {Level} level @param {string} text @param {string} [title] @returns {HTMLElement} */
function tag(level, text, title) {
  const node = el('span', { class: 'tag' }, mark(level), el('span', {}, text));
  if (title !== undefined && title !== '') node.title = title;
  return node;
}

/** A bar, filled by a part of 1 or more. @param {number} part @param {string} text what it says, in words @returns {HTMLElement} */
function meter(part, text) {
  const kind = part > 1 ? ' over' : part >= 0.9 ? ' high' : '';
  const fill = el('i');
  // By the object model: a style attribute would be refused by the policy.
  fill.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
  return el(
    'div',
    {
      class: `meter${kind}`,
      role: 'meter',
      'aria-label': 'used',
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      'aria-valuenow': String(Math.round(Math.min(1, part) * 100)),
      'aria-valuetext': text,
    },
    fill,
  );
}

/** @param {readonly (readonly [string, Child])[]} rows @returns {HTMLElement} */
function facts(rows) {
  return el('dl', {}, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
}

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`no element ${id}`);
  return node;
}

/** @param {string} id @returns {HTMLInputElement} */
function inputById(id) {
  const node = byId(id);
  if (!(node instanceof HTMLInputElement)) throw new Error(`${id} is no input`);
  return node;
}

/** Puts the children in, and the focus back to where it was. @param {string} id @param {...Child} children */
function fill(id, ...children) {
  const place = byId(id);
  const active = document.activeElement;
  const key = active instanceof HTMLElement && place.contains(active) ? active.dataset['key'] : undefined;
  place.replaceChildren(...children.filter((child) => child !== null));
  if (key === undefined) return;
  for (const node of place.querySelectorAll('[data-key]')) {
    if (node instanceof HTMLElement && node.dataset['key'] === key) node.focus({ preventScroll: true });
  }
}

/** Keys of what a person has opened: it stays so when the page is drawn anew. @type {Set<string>} */
const opened = new Set();

/** @param {string} key @param {string} summary @param {...Child} children @returns {HTMLElement} */
function foldable(key, summary, ...children) {
  const node = el('details', opened.has(key) ? { open: '' } : {});
  node.append(el('summary', { 'data-key': key }, summary), ...children.filter((child) => child !== null));
  node.addEventListener('toggle', () => {
    if (node.hasAttribute('open')) opened.add(key);
    else opened.delete(key);
  });
  return node;
}
