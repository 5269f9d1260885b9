'use strict';
/* Polls status.json and draws it. */

/** Pause between two questions, in milliseconds; after failures longer, up to the second. */
const POLL_MS = 2_000;
const SLOWEST_POLL_MS = 15_000;
/** An agent that does not answer within this is silent, in milliseconds. */
const ANSWER_MS = 8_000;
/** Pause after a key in the filter, in milliseconds. */
const TYPING_MS = 250;

const page = {
  etag: '',
  /** The question that the entity tag belongs to. */
  asked: '',
  answeredAt: 0,
  /** What the clock of the agent is ahead of ours, in milliseconds. */
  ahead: 0,
  failures: 0,
  paused: false,
  /** @type {number | undefined} */
  timer: undefined,
  /** Grows with each question: an answer that comes late is dropped. */
  round: 0,
};

/** @returns {string} */
function question() {
  const query = new URLSearchParams();
  const [filter, attention] = [inputById('q').value, inputById('attention').checked];
  if (filter !== '') query.set('q', filter);
  if (attention) query.set('attention', '1');
  const text = query.toString();
  return text === '' ? 'status.json' : `status.json?${text}`;
}

async function poll() {
  clearTimeout(page.timer);
  const round = (page.round += 1);
  const asked = question();
  try {
    const headers = page.etag !== '' && page.asked === asked ? { 'if-none-match': page.etag } : undefined;
    const answer = await fetch(asked, {
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(headers && { headers }),
    });
    if (round !== page.round) return;
    if (answer.status !== 304) {
      if (!answer.ok) throw new Error(`the agent answered ${answer.status}`);
      /** @type {PageStatus} */
      const status = await answer.json();
      if (round !== page.round) return;
      page.etag = answer.headers.get('etag') ?? '';
      page.asked = asked;
      page.ahead = Date.parse(answer.headers.get('date') ?? '') - Date.now() || 0;
      draw(status);
    }
    page.answeredAt = Date.now();
    page.failures = 0;
    showStale('');
  } catch (error) {
    if (round !== page.round) return;
    page.failures += 1;
    const since =
      page.answeredAt === 0 ? '' : ` since ${new Date(page.answeredAt).toLocaleTimeString()}; what is shown is of then`;
    showStale(`No answer from the agent${since}. ${error instanceof Error ? error.message : ''}`);
  }
  showFreshness();
  if (!page.paused) page.timer = setTimeout(poll, Math.min(SLOWEST_POLL_MS, POLL_MS * 2 ** page.failures));
}

/** @param {PageStatus} status */
function draw(status) {
  const now = Date.now() + page.ahead;
  const [level, words] = verdictOf(status);
  document.title = `${level === 'ok' ? '' : `${words} · `}${status.volume} brick ${status.brickIndex}`;
  const verdict = byId('verdict');
  // Announced only when it changes.
  if (verdict.textContent !== words) verdict.replaceChildren(mark(level), words);
  drawHead(status);
  drawFindings(status);
  drawBrick(status, now);
  drawHeal(status, now);
  drawQuotas(status);
  drawVolfiles(status, now);
  drawProbes(status);
  byId('main').removeAttribute('aria-busy');
}

/** @param {string} text empty: it is not */
function showStale(text) {
  const notice = byId('stale');
  notice.hidden = text === '';
  if (notice.textContent !== text) notice.textContent = text;
  byId('main').classList.toggle('stale', text !== '');
}

function showFreshness() {
  const age = page.answeredAt === 0 ? 'not loaded yet' : `updated ${durationText(Date.now() - page.answeredAt)} ago`;
  byId('freshness').textContent = page.paused ? `paused, ${age}` : age;
}

byId('pause').addEventListener('click', () => {
  page.paused = !page.paused;
  byId('pause').setAttribute('aria-pressed', String(page.paused));
  clearTimeout(page.timer);
  if (page.paused) showFreshness();
  else void poll();
});
byId('q').addEventListener('input', () => {
  clearTimeout(page.timer);
  page.timer = setTimeout(poll, TYPING_MS);
});
byId('attention').addEventListener('change', () => void poll());
// A tab that nobody sees asks nothing.
document.addEventListener('visibilitychange', () => {
  clearTimeout(page.timer);
  if (!document.hidden && !page.paused) void poll();
});
setInterval(showFreshness, 1_000);
void poll();
