/** What to do with a brick that has lost its data, said once for all who find one. */

/** @param brickIndex of the brick, where it is not the own one */
export function restoreCommand(brickIndex?: number): string {
  const which = brickIndex === undefined ? '' : ` --brick ${brickIndex}`;
  return `brick-agent heal mark-replaced${which}, or heal start --full where that is refused (docs/heal.md, "A wiped brick")`;
}

/** Where the own brick is empty, which alone does not tell whether it lost anything. */
export const EMPTY_REMEDY = `if the other bricks have data: ${restoreCommand()}`;
