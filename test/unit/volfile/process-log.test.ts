import { describe, expect, it } from 'vitest';
import { judgeLog } from '../../../src/volfile/evidence.ts';
import type { OptionChange } from '../../../src/volfile/plan.ts';
import { isPoisoned, linesSinceStart, loggedGraph } from '../../../src/volfile/process-log.ts';
import { startLog } from './fake-gluster.ts';
import { graphOf, sample } from './samples.ts';

const BRICK = sample('replica-brick.vol');
const AT = Date.parse('2026-11-24T10:00:00Z');

describe('loggedGraph', () => {
  it('reads the tree and the options that the process wrote at its start', () => {
    const graph = loggedGraph(linesSinceStart(startLog(AT, BRICK), AT));
    const shape = graph?.volumes.map(({ name, type, subvolumes }) => [name, type, subvolumes]);
    expect(shape).toEqual(graphOf(BRICK).volumes.map(({ name, type, subvolumes }) => [name, type, subvolumes]));
    expect(graph?.byName.get('vol1-io-threads')?.options.get('thread-count')?.value).toBe('16');
  });

  it('leaves out the volume that a client puts on top by itself', () => {
    const text = `${sample('client.vol')}\nvolume meta-autoload\n type meta\n subvolumes vol1\nend-volume\n`;
    const graph = loggedGraph(linesSinceStart(startLog(AT, text), AT));
    expect(graph?.volumes.at(-1)?.name).toBe('vol1');
  });

  it('shows the transport of a client as its file has it', () => {
    const log = startLog(AT, sample('client.vol')).replaceAll('transport-type tcp', 'transport-type socket');
    const client = loggedGraph(linesSinceStart(log, AT))?.byName.get('vol1-client-0');
    expect(client?.options.get('transport-type')?.value).toBe('tcp');
  });

  it('takes the last graph, and none that is cut off', () => {
    const twice = startLog(AT, BRICK) + startLog(AT, sample('client.vol')).replace(/^.*\n/, '');
    expect(loggedGraph(linesSinceStart(twice, AT))?.volumes.at(-1)?.name).toBe('vol1');
    const log = startLog(AT, BRICK);
    expect(loggedGraph(linesSinceStart(log.slice(0, -200), AT))).toBeUndefined();
    expect(loggedGraph([])).toBeUndefined();
  });
});

describe('linesSinceStart', () => {
  it('takes the lines of this process, not of the ones before', () => {
    const log = `${startLog(AT - 3_600_000, BRICK)}failed to construct the graph\n${startLog(AT, BRICK)}`;
    expect(isPoisoned(log.split('\n'))).toBe(true);
    expect(isPoisoned(linesSinceStart(log, AT))).toBe(false);
  });

  it('takes nothing when the last start in the log is not the one of this process', () => {
    expect(linesSinceStart(startLog(AT - 3_600_000, BRICK), AT)).toEqual([]);
  });

  it('goes by the time where the start is cut off', () => {
    const line = (time: string): string =>
      `[2026-11-24 ${time}.000000 +0000] E [a] 0-: failed to construct the graph []`;
    expect(linesSinceStart([line('09:59:00'), line('10:00:01')].join('\n'), AT)).toEqual([line('10:00:01')]);
    expect(linesSinceStart(line('09:59:00'), AT)).toEqual([]);
  });
});

describe('judgeLog', () => {
  const change = (key: string, to: string | undefined, live: OptionChange['live'] = 'logged'): OptionChange => {
    return { volume: '/b r', type: 'x/y', key, from: undefined, to, live };
  };
  const said = (key: string, value: string, volume = '/b r'): string =>
    `[2026-11-24 10:00:00.0 +0000] I [MSGID: 0] [options.c:1] 3-${volume}: option ${key} using set value ${value} \n`;

  it.each<[string, string, OptionChange[], string]>([
    ['nothing', '', [change('k', 'v')], 'waiting'],
    ['the new value', said('k', 'v'), [change('k', 'v')], 'values-seen'],
    ['another value', said('k', 'w'), [change('k', 'v')], 'waiting'],
    ['a value that only ends like it', said('k', '1v'), [change('k', 'v')], 'waiting'],
    ['another volume', said('k', 'v', 'c'), [change('k', 'v')], 'waiting'],
    ['one of two', said('k', 'v'), [change('k', 'v'), change('l', 'v')], 'waiting'],
    [
      'a silent and a removed option',
      said('z', '1'),
      [change('k', 'v', 'silent'), change('l', undefined)],
      'pass-seen',
    ],
    [
      'a silent option beside a seen one',
      said('l', '1'),
      [change('k', 'v', 'silent'), change('l', '1')],
      'values-seen',
    ],
    ['an empty set of changes', said('z', '1'), [], 'pass-seen'],
    ['no change', '0-glusterfs: No change in volfile, countinuing [] \n', [change('k', 'v')], 'already-loaded'],
    [
      'values, then refusal',
      `${said('k', 'v')}reconfigure failed, continuing with init\n`,
      [change('k', 'v')],
      'reconfigure-failed',
    ],
    ['a syntax error', 'reconfigure failed, continuing with init\nfailed to construct the graph\n', [], 'parse-failed'],
    ['no file', 'Cannot reach volume specification file\n', [], 'file-missing'],
  ])('%s', (_what, log, changes, verdict) => {
    expect(judgeLog(log, changes).verdict).toBe(verdict);
  });

  it('tells which changes it does not see', () => {
    const judged = judgeLog(said('k', 'v'), [change('k', 'v'), change('l', 'v', 'unknown')]);
    expect(judged).toMatchObject({ passSeen: true, unconfirmed: [{ key: 'l' }] });
  });
});
