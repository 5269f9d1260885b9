/**
 * Runs `work` over `items`, at most `width` at a time, results in the order of the items. The first failure stops new work
 * and rejects; callers whose items may fail one by one return typed results instead of throwing.
 */
export async function mapPool<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  // All runners draw from one iterator, so each item is taken once.
  const queue = items.entries();
  let failed = false;
  const runner = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failed) return;
      results[index] = await work(item, index);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, runner));
  } finally {
    failed = true;
  }
  return results;
}
