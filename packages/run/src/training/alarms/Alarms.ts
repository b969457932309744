import { type AlarmSettings, defaultAlarms } from '../../options/alarmOptions.js';
import { LossTrend } from './LossTrend.js';
import { type Alarm, RouterAlarms } from './routerAlarms.js';
import type { RouterState } from './RouterMonitor.js';

/** Watches the numbers of a run, and says in one line each what goes wrong, once while it lasts. */
export class Alarms {
  private readonly trend = new LossTrend();
  private readonly routers: RouterAlarms;
  private active = new Set<string>();

  /** @param say is told each line */
  constructor(
    private readonly settings: AlarmSettings,
    private readonly say: (line: string) => void,
  ) {
    this.routers = new RouterAlarms(settings);
  }

  /**
   * Looks at a step that was done.
   *
   * @returns how many alarms there are now, for the metrics
   */
  step(step: number, loss: number, routers: readonly RouterState[]): number {
    const alarms = [...this.ofLoss(loss), ...this.routers.step(routers)];
    for (const { key, line } of alarms) if (!this.active.has(key)) this.say(`step ${step}: ${line}`);
    this.active = new Set(alarms.map(({ key }) => key));
    return alarms.length;
  }

  private ofLoss(loss: number): Alarm[] {
    const far = this.trend.add(loss, this.settings.alarmLoss ?? defaultAlarms.alarmLoss);
    if (!far) return [];
    const { trend, deviations } = far;
    const line =
      `the loss ${loss.toFixed(3)} is ${deviations.toFixed(0)} deviations above its trend of ${trend.toFixed(3)}. ` +
      'If it does not come back, a lower --lr, a longer --warmup or a smaller --clip may help.';
    return [{ key: 'loss', line }];
  }
}
