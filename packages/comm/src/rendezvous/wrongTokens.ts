import type { StoreClient } from './StoreClient.js';

/** The key of a sentence about those who came to the store with another token; absent while nobody has. */
export const wrongTokensKey = 'scmoe/wrong-tokens';

export function wrongTokensText(count: number, lastFrom: string): string {
  const [connections, from] = count === 1 ? ['connection', 'from'] : ['connections', 'the last from'];
  return `the store turned away ${count} ${connections} with another token than SCMOE_TOKEN here, ${from} ${lastFrom}`;
}

/** What to add to a message about ranks that did not come: ` (<sentence>)`, or nothing. Never throws. */
export async function wrongTokensNote(store: StoreClient): Promise<string> {
  try {
    return ` (${Buffer.from(await store.get(wrongTokensKey, { timeoutMs: 500 })).toString()})`;
  } catch {
    return '';
  }
}
