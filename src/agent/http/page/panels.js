'use strict';
/* The parts of the page, each from its part of status.json. */

/** @typedef {import('../page-status.ts').PageStatus} PageStatus */
/** @typedef {import('../page-status.ts').PagePv} PagePv */
/** @typedef {import('../page-status.ts').ShownCondition} ShownCondition */
/** @typedef {PageStatus['findings'][number]} Finding */

/** @type {Record<string, Level>} */
const HEAL_LEVELS = { Complete: 'ok', Progressing: 'info', Stalled: 'error' };
/** @type {Record<string, Level>} */
const VOLFILE_LEVELS = {
  Applied: 'ok',
  Unchanged: 'ok',
  RestartRequired: 'warning',
  Rejected: 'error',
  Unverified: 'warning',
  Failed: 'error',
};

/** @param {PageStatus} status */
function drawHead({ volume, volumeType, brickIndex, brickPath, hostname, node, version, gluster, volumeId }) {
  byId('title').textContent = `${volume}, brick ${brickIndex}`;
  byId('kicker').textContent = `GlusterFS brick, ${volumeType}`;
  byId('where').textContent = `${brickPath} on ${hostname}${node === null ? '' : ` (node ${node})`}`;
  byId('about').textContent = `brick-agent ${version} · GlusterFS ${gluster ?? 'unknown'} · volume id ${volumeId}`;
}

/** Worst word of all. @param {PageStatus} status @returns {[Level, string]} */
function verdictOf({ findings, ready }) {
  const open = findings.filter(({ severity, followsFrom }) => severity !== 'info' && followsFrom.length === 0);
  const errors = open.filter(({ severity }) => severity === 'error').length;
  const warnings = open.length - errors;
  const parts = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? 'error' : 'errors'}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`] : []),
  ];
  if (!ready) return ['error', ['Not ready', ...parts].join(', ')];
  if (errors > 0) return ['error', parts.join(', ')];
  return warnings > 0 ? ['warning', parts.join(', ')] : ['ok', 'All is well'];
}

/** @param {PageStatus} status */
function drawFindings({ findings }) {
  const told = findings.filter(({ severity, followsFrom }) => severity !== 'info' && followsFrom.length === 0);
  const more = findings.filter((finding) => !told.includes(finding));
  const section = byId('findings');
  section.hidden = findings.length === 0;
  section.classList.toggle(
    'grave',
    told.some(({ severity }) => severity === 'error'),
  );
  byId('findings-title').textContent = told.length > 0 ? 'What needs attention' : 'Good to know';
  if (told.length === 0) return fill('findings-body', ...more.map(findingNode));
  return fill(
    'findings-body',
    ...told.map(findingNode),
    more.length === 0
      ? null
      : foldable(
          'consequences',
          `${more.length} more: what follows from these, and what is good to know`,
          ...more.map(findingNode),
        ),
  );
}

/** @param {Finding} finding @returns {HTMLElement} */
function findingNode({ check, severity, reason, message, evidence, remedy, followsFrom }) {
  return el(
    'div',
    { class: 'finding' },
    mark(severity),
    el('p', { class: 'head' }, message),
    el(
      'p',
      { class: 'word muted' },
      `${WORDS[severity]} · ${check} · ${reason}${followsFrom.length > 0 ? ` · follows from ${followsFrom.join(', ')}` : ''}`,
    ),
    el('ul', { class: 'evidence' }, ...evidence.map((line) => el('li', {}, line))),
    remedy === null ? null : el('p', { class: 'remedy small' }, remedy),
  );
}

/** @param {PageStatus} status @param {number} now */
function drawBrick({ brick, processes }, now) {
  const { up, fenced, hung, capacity, conditions, healthCheck, stop } = brick;
  /** @type {[string, Child][]} */
  const rows = [
    [
      'State',
      el(
        'div',
        { class: 'tags' },
        up ? tag('ok', 'Connected') : tag('error', 'Not connected'),
        fenced ? tag('error', 'Fenced: nothing is written') : null,
        hung ? tag('error', 'Disk hangs') : null,
      ),
    ],
    ...processes.map(({ process, state, since, message }) => {
      const level = state === 'Running' ? 'ok' : state === 'Down' ? 'error' : 'unknown';
      const age = since === null ? '' : ` for ${durationText(now - Date.parse(since))}`;
      return /** @type {[string, Child]} */ ([
        process === 'brick' ? 'Process' : 'Heal daemon',
        tag(level, `${state}${age}`, message),
      ]);
    }),
    ['Health check', healthCheckTag(healthCheck, now)],
    ['May be stopped', stopNode(stop)],
    [
      'Identity',
      conditions.length === 0
        ? tag('unknown', 'Not looked at yet')
        : el('ul', {}, ...conditions.map((condition) => el('li', {}, conditionTag(condition)))),
    ],
    ['Space', capacity === null ? tag('unknown', 'Unknown') : capacityNode(capacity)],
  ];
  fill('brick-body', facts(rows));
}

/** @param {PageStatus['brick']['healthCheck']} check @param {number} now @returns {HTMLElement} */
function healthCheckTag({ ok, writtenAt }, now) {
  if (writtenAt === null) return tag('unknown', 'None written yet');
  const age = durationText(Math.max(0, now - Date.parse(writtenAt)));
  const title =
    'The brick writes .glusterfs/health_check all the time; an old one means that its disk does not take writes.';
  return tag(ok ? 'ok' : 'error', ok ? `Written ${age} ago` : `Not written for ${age}`, title);
}

/** @type {Record<'Safe' | 'Unsafe' | 'Unknown', [Level, string]>} */
const STOP_WORDS = {
  Safe: ['ok', 'Yes, the others go on without it'],
  Unsafe: ['warning', 'No'],
  Unknown: ['unknown', 'Not known to be safe'],
};

/** @param {PageStatus['brick']['stop']} stop @returns {HTMLElement} */
function stopNode(stop) {
  if (stop === null) return tag('unknown', 'Being asked');
  const [level, words] = STOP_WORDS[stop.verdict];
  const lines = stop.reasons.map(({ code, message }) =>
    el('p', { class: 'message small muted' }, `${code}: ${message}`),
  );
  return el('div', {}, tag(level, words), lines.length === 0 ? null : foldable('stop', 'Why', ...lines));
}

/** @param {ShownCondition} condition @returns {HTMLElement} */
function conditionTag({ type, status, reason, message, severity }) {
  const level = status === 'Unknown' ? 'unknown' : (severity ?? 'ok');
  return tag(level, severity === null ? type : `${type}: ${reason}`, message);
}

/** @param {NonNullable<PageStatus['brick']['capacity']>} capacity @returns {HTMLElement} */
function capacityNode({ totalBytes, availableBytes, inodes, inodesFree }) {
  const part = totalBytes === 0 ? 0 : (totalBytes - availableBytes) / totalBytes;
  const text = `${bytesText(availableBytes)} of ${bytesText(totalBytes)} available`;
  const shown = inodes === 0 ? '' : `, ${percentText(inodesFree / inodes)} of inodes free`;
  return el('div', {}, meter(part, text), el('p', { class: 'small muted' }, `${text}${shown}`));
}

/** @param {PageStatus} status @param {number} now */
function drawHeal({ heal }, now) {
  const {
    state,
    reason,
    message,
    objects,
    inPerSecond,
    outPerSecond,
    etaSeconds,
    pendingSince,
    splitBrain,
    connected,
    history,
  } = heal;
  /** @type {[string, Child][]} */
  const rates = [['Came, healed', `${rateText(inPerSecond)}, ${rateText(outPerSecond)}`]];
  if (pendingSince !== null) rates.push(['Waiting for', durationText(now - Date.parse(pendingSince))]);
  if (etaSeconds !== null) rates.push(['Done in about', durationText(etaSeconds * 1000)]);
  if (splitBrain !== null && splitBrain > 0) {
    rates.push(['Split-brain', tag('error', `${countText(splitBrain)} ${splitBrain === 1 ? 'object' : 'objects'}`)]);
  }
  if (connected !== null) rates.push(['Daemon reaches', connectedNode(connected)]);
  fill(
    'heal-body',
    el(
      'div',
      { class: 'figure' },
      el('b', {}, objects === null ? '?' : countText(objects)),
      el('span', { class: 'muted' }, objects === 1 ? 'object waits' : 'objects wait'),
      tag(HEAL_LEVELS[state] ?? 'unknown', state, reason),
    ),
    el('p', { class: 'message small muted' }, message),
    sparkNode(history),
    facts(rates),
  );
}

/** @type {Record<ShownCondition['status'], [Level, string]>} */
const CONNECTED_WORDS = {
  True: ['ok', 'All bricks'],
  False: ['warning', 'Not all bricks'],
  Unknown: ['unknown', 'Not known'],
};

/** @param {ShownCondition} condition @returns {HTMLElement} */
function connectedNode({ status, message }) {
  const [level, words] = CONNECTED_WORDS[status];
  return el('div', {}, tag(level, words), message === '' ? null : el('p', { class: 'message small muted' }, message));
}

/** The picture begins with ten minutes and grows to an hour. @param {PageStatus['heal']['history']} history @returns {HTMLElement} */
function sparkNode({ points, pointMs }) {
  const room = Math.max(Math.round(600_000 / pointMs), points.length);
  const { line, area, highest } = sparkPaths(points, room, 360, 64);
  const newest = points.at(-1) ?? null;
  const span = durationText(room * pointMs);
  const words = `Backlog of the last ${span}: highest ${countText(highest)}, now ${newest === null ? 'unknown' : countText(newest)}`;
  const node = svg(
    'svg',
    { class: 'spark', viewBox: '0 0 360 64', preserveAspectRatio: 'none', role: 'img', 'aria-label': words },
    svg('path', { d: 'M0 63.5H360', stroke: 'var(--line)', 'vector-effect': 'non-scaling-stroke' }),
    svg('path', { d: area, fill: 'currentColor', opacity: '0.16' }),
    svg('path', {
      d: line,
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': '1.6',
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      'vector-effect': 'non-scaling-stroke',
    }),
  );
  const axis = el(
    'p',
    { class: 'axis' },
    el('span', {}, `${span} ago`),
    el('span', {}, `highest ${countText(highest)}`),
    el('span', {}, 'now'),
  );
  return el('div', {}, node, axis);
}

/** @param {PageStatus} status */
function drawQuotas({ quotas }) {
  const { total, limited, attention, matching, items, synced } = quotas;
  byId('quotas-count').textContent = synced
    ? `${countText(total)}, ${countText(limited)} with a limit, ${countText(attention)} need attention`
    : `${countText(total)} so far: the first pass is not done`;
  if (items.length === 0) {
    return fill(
      'quotas-body',
      el('p', { class: 'muted' }, total === 0 ? 'No PVs on this brick.' : 'No PV fits the filter.'),
    );
  }
  const head = ['Name', 'Used', 'Limit', 'State'].map((title) => el('th', { scope: 'col' }, title));
  const cut = matching - items.length;
  return fill(
    'quotas-body',
    el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...items.map(pvRow))),
    cut === 0
      ? null
      : el(
          'p',
          { class: 'cut muted' },
          `${countText(cut)} more are not shown: the fullest come first. Filter to see others.`,
        ),
  );
}

/** @type {Record<NonNullable<PagePv['volumeUsage']>['state'], [Level, string]>} */
const VOLUME_WORDS = {
  Sum: ['ok', 'the sum of all subvolumes'],
  Stale: ['warning', 'a part of it is stale'],
  Incomplete: ['warning', 'without a subvolume that has never told'],
  Unknown: ['unknown', 'not added up yet'],
};

/** What the limit goes by where each brick counts its own files only. @param {PagePv['volumeUsage']} usage @returns {Child} */
function volumeNode(usage) {
  if (usage === null) return null;
  const { state, usedBytes, message } = usage;
  const [level, words] = VOLUME_WORDS[state];
  const text = usedBytes === null ? words : `${bytesText(usedBytes)}, ${words}`;
  return el('div', { class: 'small' }, tag(level, `Whole volume: ${text}`, message));
}

/** @param {PagePv} shown @returns {HTMLElement} */
function pvRow(shown) {
  const { pv, claim, usedBytes, wantedBytes, fullness, source, volumeUsage, conditions, onDiskBytes, liveBytes } =
    shown;
  const used = usedBytes !== null ? bytesText(usedBytes) : wantedBytes === null ? 'not counted' : 'usage unknown';
  const usage =
    fullness === null
      ? el('span', { class: 'small muted' }, used)
      : el(
          'div',
          {},
          el(
            'div',
            { class: 'pair small' },
            el('span', {}, `${used} of ${bytesText(wantedBytes)}`),
            el('span', { class: 'muted' }, `${percentText(fullness)}${fullness > 1 ? ', over' : ''}`),
          ),
          meter(fullness, `${used} of ${bytesText(wantedBytes)}`),
        );
  const places = `on disk ${onDiskBytes === null ? 'none or unknown' : bytesText(onDiskBytes)}, live ${liveBytes === null ? 'none or unknown' : bytesText(liveBytes)}`;
  const limit = el(
    'div',
    {},
    el('div', {}, wantedBytes === null ? 'none' : bytesText(wantedBytes)),
    source === null ? null : el('div', { class: 'small muted nowrap', title: places }, `from ${source}`),
  );
  const isLimited = wantedBytes !== null;
  // Without a limit, what is in order says only that there is none.
  const told = conditions.filter(({ severity }) => isLimited || severity !== null);
  const open = told.filter(({ severity }) => severity !== null);
  const why = open.map(({ type, message }) => `${type}: ${message}`);
  if (volumeUsage !== null && volumeUsage.message !== '') why.push(`Whole volume: ${volumeUsage.message}`);
  const state = el(
    'div',
    {},
    el('div', { class: 'tags' }, ...told.map(conditionTag)),
    why.length === 0 ? null : foldable(`pv ${pv}`, 'Why', ...why.map((line) => el('p', { class: 'message' }, line))),
  );
  return el(
    'tr',
    {},
    el('td', { class: 'name' }, pv, claim === null ? null : el('div', { class: 'small muted' }, claim)),
    el('td', { class: 'usage' }, usage, volumeNode(volumeUsage)),
    el('td', { 'data-label': 'Limit' }, limit),
    el('td', {}, state),
  );
}

/** @param {PageStatus} status @param {number} now */
function drawVolfiles({ volfiles }, now) {
  if (!volfiles.configured)
    return fill('volfiles-body', el('p', { class: 'muted' }, 'No volfileDir is configured: volfiles are not watched.'));
  const head = ['Process', 'Outcome', 'Wanted, running'].map((title) => el('th', { scope: 'col' }, title));
  const rows = volfiles.items.map(({ process, file, outcome, reason, message, since, wantedSha256, runningSha256 }) =>
    el(
      'tr',
      {},
      el(
        'td',
        { class: 'name' },
        process === 'shd' ? 'self-heal daemon' : process,
        el('div', { class: 'small muted' }, file),
      ),
      el(
        'td',
        {},
        tag(VOLFILE_LEVELS[outcome] ?? 'unknown', outcome),
        el('span', { class: 'small muted' }, ` ${reason}, for ${durationText(now - Date.parse(since))}`),
        el('p', { class: 'message' }, message),
      ),
      el(
        'td',
        { class: 'mono' },
        `${shortHash(wantedSha256)}, ${wantedSha256 !== null && wantedSha256 === runningSha256 ? 'the same' : shortHash(runningSha256)}`,
      ),
    ),
  );
  return fill('volfiles-body', el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...rows)));
}

/** @param {string | null} hash @returns {string} */
function shortHash(hash) {
  return hash === null ? 'unknown' : hash.slice(0, 10);
}

/** @param {PageStatus} status */
function drawProbes({ probes }) {
  const nodes = probes.map(({ path, ok, checks }) =>
    el(
      'div',
      {},
      el('p', {}, tag(ok ? 'ok' : 'error', path)),
      ...checks
        .filter((check) => !check.ok || check.reason !== null)
        .map(({ name, ok, reason }) =>
          el(
            'p',
            { class: 'message small muted' },
            `${name} ${ok ? 'ok in spite of' : 'failed'}: ${reason ?? 'no reason given'}`,
          ),
        ),
    ),
  );
  fill('probes-body', el('div', { class: 'probes' }, ...nodes));
}
