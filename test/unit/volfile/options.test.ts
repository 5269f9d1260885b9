import { describe, expect, it } from 'vitest';
import { lookUpOption } from '../../../src/volfile/options/table.ts';
import { checkValue, type ValueKind } from '../../../src/volfile/options/value.ts';

function verdict(kind: ValueKind, value: string): string {
  return checkValue(kind, value)?.what ?? 'ok';
}

describe('checkValue', () => {
  it.each<[ValueKind, string, string]>([
    [{ kind: 'any' }, '', 'ok'],
    [{ kind: 'bool' }, 'Enable', 'ok'],
    [{ kind: 'bool' }, 'jes', 'form'],
    [{ kind: 'host' }, 'server_1-0.pool.svc.cluster.local', 'ok'],
    [{ kind: 'host' }, '10.0.0.1', 'ok'],
    [{ kind: 'host' }, 'fd00::1', 'ok'],
    [{ kind: 'host' }, 'fe80::1%eth0', 'ok'],
    [{ kind: 'host' }, 'host:24007', 'form'],
    [{ kind: 'host' }, 'http://host', 'form'],
    [{ kind: 'host' }, 'a b', 'form'],
    [{ kind: 'host' }, '', 'form'],
    [{ kind: 'path' }, '/a/b', 'ok'],
    [{ kind: 'path' }, 'a/b', 'form'],
    [{ kind: 'path' }, '/a/../b', 'form'],
    [{ kind: 'int', min: 1, max: 64 }, '64', 'ok'],
    [{ kind: 'int', min: 1, max: 64 }, '65', 'range'],
    [{ kind: 'int', min: 1, max: 64 }, '0', 'range'],
    [{ kind: 'int', min: 1, max: 64 }, '0x40', 'ok'],
    [{ kind: 'int', min: 0, max: 0o777 }, '0777', 'ok'],
    [{ kind: 'int', min: 0, max: 0o777 }, '01000', 'range'],
    [{ kind: 'int', min: 0, max: 0o777 }, '089', 'form'],
    [{ kind: 'int', min: -1 }, '-1', 'ok'],
    [{ kind: 'int' }, '1.5', 'form'],
    [{ kind: 'int' }, '1k', 'form'],
    [{ kind: 'size', min: 0, max: 1024 }, '1KB', 'ok'],
    [{ kind: 'size', min: 0, max: 1024 }, '1.5kb', 'range'],
    [{ kind: 'size' }, '5 MB', 'form'],
    [{ kind: 'size' }, '-5', 'form'],
    [{ kind: 'bytes', min: 0, max: 1024 }, '1024', 'ok'],
    [{ kind: 'bytes', min: 0, max: 1024 }, '1025', 'range'],
    [{ kind: 'bytes', min: 0, max: 1024 }, '1KB', 'form'],
    [{ kind: 'bytes', min: 0, max: 1024 }, '0x10', 'form'],
    [{ kind: 'time', min: 0, max: 600 }, '10min', 'ok'],
    [{ kind: 'time', min: 0, max: 600 }, '11min', 'range'],
    [{ kind: 'time' }, '1.5h', 'form'],
    [{ kind: 'time' }, '10 fortnights', 'form'],
    [{ kind: 'percent-or-size' }, '5%', 'ok'],
    [{ kind: 'percent-or-size' }, '101%', 'range'],
    [{ kind: 'percent-or-size' }, '10GB', 'ok'],
    [{ kind: 'percent-or-size' }, 'much', 'form'],
    [{ kind: 'word', words: ['a', 'b'] }, 'b', 'ok'],
    [{ kind: 'word', words: ['a', 'b'] }, 'B', 'form'],
  ])('%j: %j is %s', (kind, value, expected) => {
    expect(verdict(kind, value)).toBe(expected);
  });
});

describe('lookUpOption', () => {
  it.each([
    ['performance/io-threads', 'thread-count', 'logged'],
    ['cluster/afr', 'heal-timeout', 'logged'],
    ['protocol/server', 'auth.addr./a.b/c.allow', 'silent'],
    ['protocol/server', 'transport.socket.keepalive-time', 'silent'],
    ['protocol/server', 'transport.socket.listen-port', 'restart'],
    ['protocol/server', 'transport.socket.nodelay', 'restart'],
    ['protocol/client', 'remote-host', 'restart'],
    ['features/locks', 'log-level', 'silent'],
  ])('%s %s is %s', (type, key, live) => {
    expect(lookUpOption(type, key).found?.live).toBe(live);
  });

  it('tells an unknown option from an unknown translator, and is not fooled by names of objects', () => {
    expect(lookUpOption('features/locks', 'nope')).toEqual({ found: undefined, why: 'unknown-key' });
    expect(lookUpOption('features/locks', 'constructor')).toEqual({ found: undefined, why: 'unknown-key' });
    expect(lookUpOption('performance/write-behind', 'x')).toEqual({ found: undefined, why: 'unlisted-type' });
    expect(lookUpOption('constructor', 'x')).toEqual({ found: undefined, why: 'unlisted-type' });
  });
});
