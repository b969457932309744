/** One step of a plan: a computation runs; an exchange starts and is waited for. */
export interface Step {
  readonly action: 'run' | 'start' | 'wait';
  readonly operator: string;
}

/**
 * The order in which the operators of a stage execute. Pure data: the order of the collectives is a property of the
 * plan, so that ranks which follow one plan issue the same collectives in the same order, whatever their timing.
 */
export type Plan = readonly Step[];

export function run(operator: string): Step {
  return { action: 'run', operator };
}

export function start(operator: string): Step {
  return { action: 'start', operator };
}

export function wait(operator: string): Step {
  return { action: 'wait', operator };
}
