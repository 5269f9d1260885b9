/** What the bundler puts in place of names. */
export function defines(version: string): Record<string, string> {
  return {
    'process.env.BRICK_AGENT_VERSION': JSON.stringify(version),
    // Tests that kill the agent between two steps run it from its source (src/lib/fault-point.ts).
    'process.env.BRICK_AGENT_DIES_AT': 'undefined',
    'import.meta.url': 'importMetaUrl',
  };
}
