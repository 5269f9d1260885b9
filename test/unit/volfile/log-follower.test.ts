import fs from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LogFollower } from '../../../src/volfile/log-follower.ts';
import { TemporaryDirectory } from '../../support/temporary.ts';

const MAX_BYTES = 40;
let directory: TemporaryDirectory;
let log: string;
let follower: LogFollower;

beforeEach(() => {
  directory = new TemporaryDirectory('log-follower');
  log = `${directory.path}/brick.log`;
  follower = new LogFollower(log, MAX_BYTES);
});
afterEach(() => directory[Symbol.dispose]());

it('reads what is there, then what was added, whole lines only', async () => {
  expect(await follower.readNew()).toBeUndefined();
  fs.writeFileSync(log, 'one\ntwo\nthr');
  expect(await follower.readNew()).toEqual({ text: 'one\ntwo\n', isGap: true });
  expect(await follower.readNew()).toEqual({ text: '', isGap: false });
  fs.appendFileSync(log, 'ee\nfour\n');
  expect(await follower.readNew()).toEqual({ text: 'three\nfour\n', isGap: false });
  expect(await follower.readNew()).toEqual({ text: '', isGap: false });
});

it('passes over what is too much, up to the newest, and says so', async () => {
  fs.writeFileSync(log, `${'old line\n'.repeat(100)}new\n`);
  const first = await follower.readNew();
  expect(first).toEqual({ text: `${'old line\n'.repeat(3)}new\n`, isGap: true });
  fs.appendFileSync(log, `${'x'.repeat(500)}\nlast\n`);
  expect(await follower.readNew()).toEqual({ text: 'last\n', isGap: true });
});

it('gets past a line that is longer than a look', async () => {
  fs.writeFileSync(log, 'begin\n');
  await follower.readNew();
  fs.appendFileSync(log, 'y'.repeat(MAX_BYTES));
  expect(await follower.readNew()).toEqual({ text: '', isGap: true });
  fs.appendFileSync(log, 'y\nend\n');
  expect((await follower.readNew())?.text).toContain('end\n');
});

it('begins anew after a rotation, by a new file or by a copy', async () => {
  fs.writeFileSync(log, 'first\n');
  await follower.readNew();
  fs.renameSync(log, `${log}.1`);
  expect(await follower.readNew()).toBeUndefined();
  fs.writeFileSync(log, 'second\nthird\n');
  expect(await follower.readNew()).toEqual({ text: 'second\nthird\n', isGap: true });
  fs.writeFileSync(log, 'fourth\n');
  expect(await follower.readNew()).toEqual({ text: 'fourth\n', isGap: true });
});

it('reads no pipe', async () => {
  fs.mkdirSync(log);
  expect(await follower.readNew()).toBeUndefined();
});
