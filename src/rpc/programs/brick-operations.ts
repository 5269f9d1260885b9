/** Gluster Brick operations: the program behind the `-S <socket>` of bricks and self-heal daemons. */
import { decodeDict, encodeDict, type Dict, type DictEntries } from '../dict.ts';
import { BRICK_PROGRAM, type Procedure } from './procedure.ts';

export interface BrickOperationInput {
  /** Brick or xlator name, or empty, by procedure. */
  name: string;
  input: DictEntries;
}

export interface BrickOperationReply {
  /** Says little: heal commands answer -1 although they started. The keys of `output` count. */
  opRet: number;
  /** Empty when the process sent none. */
  output: Dict;
  errorText: string;
}

/**
 * ```
 * request: string name<>; int32 op; opaque input<>; opaque dict<>
 * reply:   op_ret; op_errno; opaque output<>; string op_errstr<>
 * ```
 * `op` is ignored by the server. An empty input is a dict of four zero bytes, never nothing.
 */
function operation(procedure: number, name: string): Procedure<BrickOperationInput, BrickOperationReply> {
  return {
    ...BRICK_PROGRAM,
    procedure,
    name,
    encode: (writer, request) => {
      writer.opaque(request.name);
      writer.int32(procedure);
      writer.opaque(encodeDict(request.input));
      writer.uint32(0);
    },
    decode: (reader) => {
      const opRet = reader.int32();
      reader.skip(4);
      return { opRet, output: decodeDict(reader.opaqueView()), errorText: reader.string() };
    },
  };
}

/** The cheapest proof that the program answers. */
export const brickNull: Procedure<void, void> = {
  ...BRICK_PROGRAM,
  procedure: 0,
  name: 'BRICK.NULL',
  bodyless: true,
  urgent: true,
  encode: () => undefined,
  decode: () => undefined,
};

/** Ends the brick of this name; the last one takes the process with it. An unknown name is no error (measured). */
export const terminate = operation(1, 'BRICK.TERMINATE');
/** Profile of a brick, by brick name. Without the key `peek` it resets the interval counters for everybody. */
export const xlatorInfo = operation(2, 'BRICK.XLATOR_INFO');
/** Heal control; the name is ignored. All operations but COUNT kill a process that is no self-heal daemon. */
export const xlatorOp = operation(3, 'BRICK.XLATOR_OP');
/** State of a brick. Without the key `brick-name` it is never answered. */
export const status = operation(4, 'BRICK.STATUS');
/** State of a self-heal daemon. */
export const nodeStatus = operation(8, 'BRICK.NODE_STATUS');
/** Holds modifying fops back, by brick name; needs features/barrier and features/changelog in the graph. */
export const barrier = operation(10, 'BRICK.BARRIER');
