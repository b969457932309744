import { chooseRanks } from './chooseRanks.js';
import { PlaceError } from './PlaceError.js';
import { ranksText } from './Ranks.js';
import { Variables, type Environment } from './Variables.js';

/**
 * Who started this process as one of several, in words; undefined where nobody did. For a launcher: that of which there
 * are several makes as many runs, unless they know of each other.
 */
export function otherLauncher(env: Environment = process.env): string | undefined {
  try {
    const ranks = chooseRanks(new Variables(env))?.ranks;
    return ranks !== undefined && ranks.worldSize > 1 ? ranksText(ranks) : undefined;
  } catch (error) {
    if (error instanceof PlaceError) return error.message;
    throw error;
  }
}
