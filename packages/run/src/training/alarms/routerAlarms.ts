import { type AlarmSettings, defaultAlarms } from '../../options/alarmOptions.js';
import type { RouterState } from './RouterMonitor.js';

/** Something that goes wrong, as long as it does. */
export interface Alarm {
  /** What and where: the same alarm has the same key in the next step. */
  key: string;
  /** One line that names the layer and the cure. */
  line: string;
}

/** Weight of the newest step in what is smoothed: single steps of small batches are no sign. */
const smoothing = 0.1;
/** Steps before what is smoothed means something. */
const warmUpSteps = 10;

interface Router {
  steps: number;
  entropy: number;
  droppedShare: number;
  logitScale: number;
  /** Steps since each expert had a token. */
  idle: number[];
}

const balanceCure = 'A larger --load-balance, or --correction-bias, spreads the tokens; a lower --lr gives it time.';

/** Watches the routers of a model for collapse, drops and growing logits. */
export class RouterAlarms {
  private readonly routers = new Map<string, Router>();

  constructor(private readonly settings: AlarmSettings) {}

  /** @returns what is wrong after a step */
  step(states: readonly RouterState[]): Alarm[] {
    return states.flatMap((state) => this.ofRouter(state));
  }

  private ofRouter(state: RouterState): Alarm[] {
    const { name } = state;
    const { alarmIdleSteps, alarmEntropy, alarmDropped, alarmLogits } = { ...defaultAlarms, ...this.settings };
    const router = advance(this.routers.get(name), state);
    this.routers.set(name, router);
    const alarms: Alarm[] = [];
    const alarm = (kind: string, text: string, cure: string) =>
      alarms.push({ key: `${name} ${kind}`, line: `${name}: ${text}. ${cure}` });

    const idle = router.idle.flatMap((steps, expert) =>
      alarmIdleSteps > 0 && steps >= alarmIdleSteps ? [expert] : [],
    );
    if (idle.length > 0) {
      const which =
        idle.length === 1
          ? `expert ${idle[0]} has`
          : `experts ${idle.slice(0, 8).join(', ')}${idle.length > 8 ? ', ...' : ''} have`;
      alarm('idle', `${which} had no token for ${alarmIdleSteps} steps`, balanceCure);
    }
    if (router.steps < warmUpSteps) return alarms;
    if (router.entropy < alarmEntropy) {
      alarm(
        'entropy',
        `the entropy of its load is ${router.entropy.toFixed(2)} of its largest value, below ${alarmEntropy}`,
        balanceCure,
      );
    }
    if (router.droppedShare > alarmDropped) {
      const cure = 'A larger --capacity-factor has room for them, a larger --load-balance needs less of it.';
      alarm(
        'dropped',
        `${percent(router.droppedShare)} of its choices find no slot, more than ${percent(alarmDropped)}`,
        cure,
      );
    }
    if (alarmLogits > 0 && router.logitScale > alarmLogits) {
      alarm(
        'logits',
        `its logits have grown to ${router.logitScale.toFixed(1)}, above ${alarmLogits}`,
        '--z-loss 0.001 keeps them small.',
      );
    }
    return alarms;
  }
}

function advance(router: Router | undefined, { entropy, droppedShare, logitScale, load }: RouterState): Router {
  const smooth = (before: number | undefined, now: number) =>
    before === undefined ? now : before + smoothing * (now - before);
  return {
    steps: (router?.steps ?? 0) + 1,
    entropy: smooth(router?.entropy, entropy),
    droppedShare: smooth(router?.droppedShare, droppedShare),
    logitScale: smooth(router?.logitScale, logitScale),
    idle: load.map((count, expert) => (count > 0 ? 0 : (router?.idle[expert] ?? 0) + 1)),
  };
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
