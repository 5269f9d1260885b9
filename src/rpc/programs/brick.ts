/**
 * Gluster Brick operations: what a brick's or self-heal daemon's unix socket understands. There is no login; the permissions of
 * the socket file are the only protection. A bad request is often never answered at all, so every call needs its time-out.
 */
import { decodeDict, encodeDict, type Dict, type DictEntries } from '../dict.ts';
import { BRICK_PROGRAM, type Procedure } from './procedure.ts';

export interface OperationInput {
  /** Name of a brick or translator, or empty: see the procedure. */
  name: string;
  input: DictEntries;
}

/** To be judged by the keys of `output`: op_ret is -1 as soon as one of several children failed (measured). */
export interface OperationResult {
  opRet: number;
  output: Dict;
  /** The process's own words; empty when it has none. */
  message: string;
}

/** The cheapest call that shows the program to answer; its reply has no body. */
export const BRICK_NULL: Procedure<void, void> = {
  ...BRICK_PROGRAM,
  procedure: 0,
  name: 'BRICK.NULL',
  urgent: true,
  bodyless: true,
  encode: () => undefined,
  decode: () => undefined,
};

/** Ends the brick of this name; the last one takes the process with it. An unknown name is no error (measured). */
export const TERMINATE = operation(1, 'BRICK.TERMINATE');
/** Profile of a brick, by brick name. Without `peek` it resets the interval counters for everybody. */
export const XLATOR_INFO = operation(2, 'BRICK.XLATOR_INFO');
/** Heal control; the name is ignored. Kills a process that is no self-heal daemon. */
export const XLATOR_OP = operation(3, 'BRICK.XLATOR_OP');
/** State of a brick; `brick-name` must be in the input, or there is no answer ever. */
export const STATUS = operation(4, 'BRICK.STATUS');
/** State of a self-heal daemon. */
export const NODE_STATUS = operation(8, 'BRICK.NODE_STATUS');
/** Holds modifying fops back, by brick name; needs features/barrier and features/changelog in the graph. */
export const BARRIER = operation(10, 'BRICK.BARRIER');

/**
 * ```
 * request: string name; int32 op (ignored); opaque input<> (classic dict); opaque dict<> (empty)
 * reply:   op_ret; op_errno; opaque output<> (classic dict or nothing); string op_errstr
 * ```
 */
function operation(procedure: number, name: string): Procedure<OperationInput, OperationResult> {
  return {
    ...BRICK_PROGRAM,
    procedure,
    name,
    encode: (writer, { name: target, input }) => {
      writer.opaque(target);
      writer.int32(procedure);
      writer.opaque(encodeDict(input));
      writer.uint32(0);
    },
    decode: (reader) => {
      const opRet = reader.int32();
      reader.int32();
      const output = decodeDict(reader.opaqueView());
      return { opRet, output, message: reader.string() };
    },
  };
}
