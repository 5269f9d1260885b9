/** Names of the errno values in Gluster's replies; its numbering equals Linux's for all that are met here. */
import { constants } from 'node:os';

export const ERRNO = {
  ENOENT: constants.errno.ENOENT,
  EAGAIN: constants.errno.EAGAIN,
  ENODATA: constants.errno.ENODATA,
  ESTALE: constants.errno.ESTALE,
} as const;

const NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  // Two names of one number (EAGAIN, EWOULDBLOCK): the first one listed is the common one.
  if (!NAMES.has(number)) NAMES.set(number, name);
}

/** `ENOENT` for 2; `errno 9999` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
