/** What a try says of the peer, and what it says of nobody but us. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Contact } from '../../../src/agent/contact.ts';
import { AgentError, type ErrorCode } from '../../../src/lib/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';

let clock: ManualClock;
let contact: Contact;

beforeEach(() => {
  clock = new ManualClock(1_000);
  contact = new Contact(clock);
});

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function lost(cause?: Error): AgentError {
  return new AgentError('RpcDisconnected', 'lost', cause === undefined ? {} : { cause });
}

describe('a try', () => {
  it.each([
    ['a time-out', new AgentError('Timeout', 'slow'), 'silent'],
    ['a refused connection', lost(systemError('ECONNREFUSED')), 'closed'],
    ['a reset', lost(systemError('ECONNRESET')), 'closed'],
    ['a socket that is not there', lost(systemError('ENOENT')), 'closed'],
    ['a connection that the peer ended', lost(), 'closed'],
    ['a call after the peer had reset', lost(lost(systemError('ECONNRESET'))), 'closed'],
  ])('that ends with %s is a miss', (_what, error, kind) => {
    contact.note(error);
    expect(contact.view.missing).toMatchObject({ kind, since: 1_000, times: 1 });
    expect(contact.view.doubt).toBeUndefined();
  });

  it.each([
    ['no more files', lost(systemError('EMFILE'))],
    ['no right to the socket', lost(systemError('EACCES'))],
    ['no route', lost(systemError('ENETUNREACH'))],
    ['a name that is not resolved', lost(systemError('ENOTFOUND'))],
    ['bytes of somebody else', new AgentError('RpcProtocol', 'what?')],
    ['a bug of ours', new AgentError('Internal', 'bug')],
    ['something foreign', new TypeError('x')],
    ['a connection that ended with nonsense', lost(new AgentError('RpcProtocol', 'what?'))],
  ])('that ends with %s proves nothing', (_what, error) => {
    contact.note(error);
    expect(contact.view).toMatchObject({ missing: undefined, doubt: error.message });
  });

  it.each<ErrorCode>(['GlusterError', 'RpcRejected'])('that is refused with %s is answered', (code) => {
    contact.note(new AgentError(code, 'no'));
    expect(contact.view).toEqual({ lastAnswerAt: 1_000, missing: undefined, doubt: undefined });
  });

  it('that we gave up ourselves is none', () => {
    contact.note(new AgentError('Aborted', 'shutdown'));
    expect(contact.view).toEqual({ lastAnswerAt: undefined, missing: undefined, doubt: undefined });
  });
});

describe('misses in a row', () => {
  it('are counted from the first on, and told by the last', async () => {
    contact.note(undefined);
    await clock.advance(500);
    contact.note(new AgentError('Timeout', 'slow'));
    await clock.advance(500);
    contact.note(lost(systemError('ECONNREFUSED')));
    expect(contact.view).toEqual({
      lastAnswerAt: 1_000,
      missing: { kind: 'closed', since: 1_500, times: 2, why: 'lost' },
      doubt: undefined,
    });
  });

  it.each([
    ['an answer', undefined],
    ['a doubt', lost(systemError('EMFILE'))],
  ])('begin anew after %s', async (_what, between) => {
    contact.note(new AgentError('Timeout', 'slow'));
    contact.note(between);
    await clock.advance(700);
    contact.note(new AgentError('Timeout', 'slow'));
    expect(contact.view.missing).toMatchObject({ since: 1_700, times: 1 });
  });
});
