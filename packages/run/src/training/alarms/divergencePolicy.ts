import { type Divergence, divergenceCure, divergenceText } from '@scmoe/trainer';

import { type AlarmSettings, defaultAlarms } from '../../options/alarmOptions.js';

/** What is done about numbers that are none, so often and no more. */
export interface DivergencePolicy {
  /** Whether the update is left out, for `train`. */
  onDivergence: (divergence: Divergence) => 'stop' | 'skip';
  /** Whether the run may go back to a checkpoint now; counts it. Every rank has to ask, and all get the same answer. */
  mayRewind: () => boolean;
  /** `2 of 5` */
  count: () => string;
}

/** @param say is told of each update that is skipped */
export function divergencePolicy(settings: AlarmSettings, say: (line: string) => void): DivergencePolicy {
  const { onDivergence, divergenceLimit } = { ...defaultAlarms, ...settings };
  let done = 0;
  const count = () => `${done} of ${divergenceLimit}`;
  const allowed = (what: typeof onDivergence) => onDivergence === what && done < divergenceLimit && ++done > 0;
  return {
    count,
    mayRewind: () => allowed('rewind'),
    onDivergence: (divergence) => {
      if (!allowed('skip')) return 'stop';
      say(`${divergenceText(divergence)}. The update was skipped (${count()}). ${divergenceCure}`);
      return 'skip';
    },
  };
}
