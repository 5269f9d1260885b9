import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agentLineWithoutNames,
  glusterLogWithoutNames,
  statedumpLineWithoutNames,
} from '../../../../src/cli/support/logs.ts';
import { REDACTED, Scrubber } from '../../../../src/cli/support/scrub.ts';
import { redactVolfile, secretsOf } from '../../../../src/cli/support/volfiles.ts';

const PV = 'tenant-payroll';

describe('Scrubber', () => {
  it('gives a name the same pseudonym everywhere in a bundle, and another in the next', () => {
    const scrubber = new Scrubber({ secrets: [], names: [PV] });
    const [first, second] = [scrubber.text(`${PV}: full`), scrubber.value({ pv: PV, in: [`x ${PV}`] })];
    const name = /^(pv-[0-9a-f]{12}): full$/.exec(first)?.[1];
    expect(second).toEqual({ pv: name, in: [`x ${name}`] });
    expect(new Scrubber({ secrets: [], names: [PV] }).text(PV)).not.toBe(name);
  });

  it('takes the longest name that fits, and a short one only where it stands alone', () => {
    const scrubber = new Scrubber({ secrets: [], names: ['a', 'pvc-1', 'pvc-10'] });
    const pseudonym = (name: string): string => scrubber.text(name);
    expect(scrubber.text('pvc-10 pvc-1')).toBe(`${pseudonym('pvc-10')} ${pseudonym('pvc-1')}`);
    expect(scrubber.text('a data, "a"')).toBe(`${pseudonym('a')} data, "${pseudonym('a')}"`);
  });

  it('knows names in JSON and in labels, whatever they hold', () => {
    const name = 'pvc-"} 1\n\\x';
    const scrubber = new Scrubber({ secrets: [], names: [name] });
    for (const text of [name, JSON.stringify({ pv: name }), 'used{pv="pvc-\\"} 1\\n\\\\x"} 5']) {
      expect(scrubber.text(text)).toMatch(/pv-[0-9a-f]{12}/);
      expect(scrubber.text(text)).not.toContain('} 1');
    }
  });

  it('hides claims where they stand, and no word that is written like one', () => {
    const scrubber = new Scrubber({ secrets: [], names: [] });
    const view = scrubber.value({
      spec: { claim: { namespace: 'data', name: 'salaries' } },
      message: 'data',
      claim: null,
    });
    expect(view).toEqual({
      spec: {
        claim: { namespace: expect.stringMatching(/^claim-\w{12}$/), name: expect.stringMatching(/^claim-\w{12}$/) },
      },
      message: 'data',
      claim: null,
    });
    const series =
      'gluster_brick_data_bricks{} 1\ngluster_quota_pv_info{pv="x",namespace="data",persistentvolumeclaim="salaries"} 1';
    const told = scrubber.text(series);
    expect(told).toMatch(
      /^gluster_brick_data_bricks.*\n.*pv="x",namespace="claim-\w{12}",persistentvolumeclaim="claim-\w{12}"\} 1$/,
    );
    expect(new Scrubber({ secrets: [], names: undefined }).text(series)).toBe(series);
  });

  it('hides PVs that are no more by where and how they are named', () => {
    const scrubber = new Scrubber({ secrets: [], names: [] });
    expect(scrubber.text('/b/subvol/3a/f1/gone pv/dir/file: failed')).toBe('/b/subvol/3a/f1/[name]');
    expect(scrubber.text('deleted pvc-2b9e329c-bdb8-11ee-989f-4e09040b9c74')).toMatch(/^deleted pv-[0-9a-f]{12}$/);
  });

  it('hides secrets, also where names are wanted, also those it does not know', () => {
    const scrubber = new Scrubber({ secrets: ['hunter2!'], names: undefined });
    expect(scrubber.text('x hunter2! y')).toBe(`x ${REDACTED} y`);
    expect(scrubber.text('pool1-server: auth.login.u.password old -> new')).not.toMatch(/old|new/);
    expect(scrubber.text('  3:     option password s3cret')).toBe(`  3:     option password ${REDACTED}`);
    expect(scrubber.text(PV)).toBe(PV);
  });

  const names = fc.array(
    fc.string({ unit: fc.constantFrom('x', 'y', '"', '\\', '\n', 'ü'), minLength: 4, maxLength: 12 }),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  // Of other characters, so that no name comes about where none was.
  const around = fc.string({ unit: fc.constantFrom(' ', ':', '7', '{', '}'), maxLength: 8 });

  it('leaves no name in a text, as it stands or as JSON', () => {
    fc.assert(
      fc.property(names, around, around, (names, before, after) => {
        const scrubber = new Scrubber({ secrets: [], names });
        for (const name of names) {
          const escaped = JSON.stringify(name).slice(1, -1);
          expect(scrubber.text(`${before}${name}${after}`)).not.toContain(name);
          expect(scrubber.text(`${before}${escaped}${after}`)).not.toContain(escaped);
        }
      }),
    );
  });
});

describe('logs without names', () => {
  it('keep of a Gluster log what is no name', () => {
    const log = [
      '[2026-11-24 02:02:30.065513 +0000] E [MSGID: 113001] [posix-inode-fd-ops.c:1:posix_open] 0-pool1-posix: open on /b/salaries.ods failed [{path=/salaries.ods}, {gfid=11111111-1111-4111-8111-111111111111}, {errno=2}, {error=x}]',
      '[2026-11-24 02:02:30.065513 +0000] I [glusterfsd.c:2683:main] 0-glusterfsd: salaries.ods',
      'Final graph:',
      '  1: volume salaries',
      'salaries [2026-11-24 02:02:30.065513 +0000] I',
    ].join('\n');
    const clean = glusterLogWithoutNames(log);
    expect(clean).toBe(
      [
        '[2026-11-24 02:02:30.065513 +0000] E [MSGID: 113001] [posix-inode-fd-ops.c:1:posix_open] 0-pool1-posix: […] {gfid=11111111-1111-4111-8111-111111111111} {errno=2}',
        '[2026-11-24 02:02:30.065513 +0000] I [glusterfsd.c:2683:main] 0-glusterfsd: […]',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['[mallinfo]', '[mallinfo]'],
    ['mallinfo_arena=12345', 'mallinfo_arena=12345'],
    ['gfid=11111111-1111-4111-8111-111111111111', 'gfid=11111111-1111-4111-8111-111111111111'],
    ['path=/salaries.ods', 'path=[…]'],
    ['[xlator.features.locks.pool1-locks.inode]', '[xlator.features.locks.pool1-locks.inode]'],
    ['[/subvol/3a/f1/salaries]', '[…]'],
    ['anything/else', '[…]'],
  ])('a statedump: %s is %s', (line, clean) => {
    expect(statedumpLineWithoutNames(line)).toBe(clean);
  });

  it("of the agent's own log, members that are known", () => {
    const line = JSON.stringify({
      level: 'warn',
      pv: 'salaries',
      file: 'salaries.json',
      loop: 'quota',
      msg: 'refused',
    });
    expect(agentLineWithoutNames(line)).toEqual({ level: 'warn', loop: 'quota', msg: 'refused' });
    expect(agentLineWithoutNames('no JSON: salaries')).toBeUndefined();
  });
});

const VOLFILE = `# password: in-a-comment
volume s
    type protocol/server
    option auth.login.u.password "hunter 2"
    option transport.socket.ssl-private-key /etc/ssl/key.pem
    option transport-type tcp
    subvolumes p
end-volume
`;

describe('volfiles without secrets', () => {
  it('keep every option but the values that are secrets, and no comment', () => {
    const clean = redactVolfile(`volume p\n    type storage/posix\n    option directory /b\nend-volume\n${VOLFILE}`);
    expect(clean).toContain('option transport-type tcp');
    expect(clean).toContain(`option auth.login.u.password ${REDACTED}`);
    for (const secret of ['in-a-comment', 'hunter', 'key.pem']) expect(clean).not.toContain(secret);
  });

  it('are left out when they cannot be parsed, and their secrets are known all the same', () => {
    const broken = VOLFILE.replace('type', 'tpye');
    expect(redactVolfile(broken)).toBeUndefined();
    expect(secretsOf(broken)).toEqual(expect.arrayContaining(['hunter 2', '/etc/ssl/key.pem']));
    expect(secretsOf('option password\n   "on\\"e two"')).toEqual(['on"e two']);
  });
});
