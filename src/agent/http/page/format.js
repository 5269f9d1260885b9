'use strict';
/* Numbers and times for people. Pure. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** @param {number | null} bytes @returns {string} */
function bytesText(bytes) {
  if (bytes === null) return 'unknown';
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Number.isInteger(value) ? 0 : Math.abs(value) < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** A part as percent; never 100 % or 0 % of what is not quite that. @param {number} part @returns {string} */
function percentText(part) {
  const percent = part * 100;
  if (percent > 0 && percent < 1) return '<1 %';
  if (percent > 99 && percent < 100) return '>99 %';
  return `${Math.round(percent)} %`;
}

/** @param {number} count @returns {string} */
function countText(count) {
  return Math.round(count).toLocaleString('en');
}

/** @param {number} ms @returns {string} */
function durationText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** A rate for people. @param {number | null} perSecond @returns {string} */
function rateText(perSecond) {
  if (perSecond === null) return 'unknown';
  if (perSecond === 0) return '0/s';
  return perSecond >= 1 ? `${countText(perSecond)}/s` : `${(perSecond * 60).toFixed(1)}/min`;
}

/**
 * The line of a sparkline, as an SVG path; what is not known is a gap. The last point stands at the right edge.
 *
 * @param {readonly (number | null)[]} points @param {number} room points that fit into the width
 * @param {number} width @param {number} height @returns {{ line: string, area: string, highest: number }}
 */
function sparkPaths(points, room, width, height) {
  const known = points.filter((value) => value !== null);
  const highest = Math.max(0, ...known);
  const step = width / (room - 1);
  const first = room - points.length;
  let line = '';
  let area = '';
  /** @type {string[]} */
  let run = [];
  let runStart = 0;
  const close = () => {
    if (run.length === 0) return;
    const from = ((first + runStart) * step).toFixed(1);
    const to = ((first + runStart + run.length - 1) * step).toFixed(1);
    line += `M${run.join('L')}${run.length === 1 ? `h0.1` : ''}`;
    area += `M${from} ${height}L${run.join('L')}L${to} ${height}Z`;
    run = [];
  };
  for (const [index, value] of points.entries()) {
    if (value === null) {
      close();
      continue;
    }
    if (run.length === 0) runStart = index;
    const y = highest === 0 ? height - 1 : height - 1 - (value / highest) * (height - 4);
    run.push(`${((first + index) * step).toFixed(1)} ${y.toFixed(1)}`);
  }
  close();
  return { line, area, highest };
}
