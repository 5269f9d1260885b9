import { describe, expect, it } from 'vitest';
import { parseGlusterArguments } from '../../../src/volfile/cmdline.ts';

describe('parseGlusterArguments', () => {
  it.each([
    [['glusterfsd', '-N', '-f', '/a.vol', '-l', '/a.log'], '/a.vol', '/a.log'],
    [['glusterfsd', '--volfile=/a.vol', '--log-file=/a.log'], '/a.vol', '/a.log'],
    [['glusterfsd', '--volfile', '/a.vol', '-l', '-'], '/a.vol', undefined],
    [['glusterfsd', '-f/a.vol', '-l/a.log'], '/a.vol', '/a.log'],
    [['-f', 'x'], undefined, undefined],
    [['glusterfsd', '-f'], undefined, undefined],
    [[], undefined, undefined],
  ])('%j', (cmdline, volfile, logFile) => {
    expect(parseGlusterArguments(cmdline)).toMatchObject({ volfile, logFile, volfileServer: false });
  });

  it("understands Kadalu's brick", () => {
    const cmdline = (
      '/opt/sbin/glusterfsd -N --volfile-id p.h.b -p /b.pid -S /b.socket --brick-name /b -l - ' +
      '--xlator-option *-posix.glusterd-uuid=node-0 --process-name brick --brick-port 24007 ' +
      '--xlator-option p.q-server.listen-port=24007 -f /v/p.h.b.vol'
    ).split(' ');
    const found = parseGlusterArguments(cmdline);
    expect(found).toMatchObject({ volfile: '/v/p.h.b.vol', volfileServer: false, logFile: undefined });
    expect(found.addedOptions.has('glusterd-uuid')).toBe(true);
    expect(found.addedOptions.has('listen-port')).toBe(true);
  });

  it.each([
    [['glusterfs', '-s', 'host']],
    [['glusterfs', '--volfile-server=host', '--volfile-id=x']],
    [['glusterfs', '--volfile-server', 'host']],
  ])('sees a volfile server in %j', (cmdline) => {
    expect(parseGlusterArguments(cmdline).volfileServer).toBe(true);
  });
});
