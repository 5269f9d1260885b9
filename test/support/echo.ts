/** A procedure without meaning for tests of the connection: bytes out, the same kind of bytes back. */
import type { Procedure } from '../../src/rpc/programs/procedure.ts';
import type { FakeCall } from './fake-gluster.ts';
import { opaque, WireReader } from './wire.ts';

export const ECHO_PROGRAM = 0x2000_0001;

export const echo: Procedure<string, string> = {
  program: ECHO_PROGRAM,
  version: 1,
  procedure: 1,
  name: 'TEST.ECHO',
  encode: (writer, text) => writer.opaque(text),
  decode: (reader) => reader.string(),
};

/** Let through when ordinary slots are taken. */
export const urgentEcho: Procedure<string, string> = { ...echo, procedure: 2, name: 'TEST.URGENT', urgent: true };

export function echoed(call: FakeCall): Buffer {
  return opaque(textOf(call));
}

export function textOf(call: FakeCall): string {
  return new WireReader(call.args).text();
}
