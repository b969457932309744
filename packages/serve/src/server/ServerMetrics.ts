import type { GenerationEngine } from '@scmoe/models';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Routes as metrics name them: no path of a client becomes a label. */
export type Route = 'chat' | 'completions' | 'models' | 'health' | 'metrics' | 'other';

/** What Prometheus reads: requests, their times, tokens, texts on their way, memory of caches, and the process. */
export class ServerMetrics {
  private readonly registry = new Registry();
  private readonly requests: Counter<'route' | 'status'>;
  private readonly seconds: Histogram<'route'>;
  private readonly firstTokenSeconds: Histogram;

  constructor(engine: Pick<GenerationEngine, 'statistics'>) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: 'scmoe_http_requests_total',
      help: 'Requests that were answered, by route and status; 499 where the client left.',
      labelNames: ['route', 'status'],
      registers,
    });
    const buckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];
    this.seconds = new Histogram({
      name: 'scmoe_http_request_seconds',
      help: 'Time from a request to the end of its answer.',
      labelNames: ['route'],
      buckets,
      registers,
    });
    this.firstTokenSeconds = new Histogram({
      name: 'scmoe_time_to_first_token_seconds',
      help: 'Time from a request to the first token of its first text.',
      buckets,
      registers,
    });
    const read = (name: string, help: string, value: (of: GenerationEngine['statistics']) => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value(engine.statistics));
        },
      });
    read('scmoe_texts_running', 'Texts that are being generated.', ({ numRunning }) => numRunning);
    read('scmoe_texts_waiting', 'Texts that wait for their turn.', ({ numWaiting }) => numWaiting);
    read('scmoe_cache_bytes', 'Memory of keys and values of running texts.', ({ cacheBytes }) => cacheBytes);
    read(
      'scmoe_prefix_cache_bytes',
      'Memory of kept beginnings of prompts.',
      ({ prefixCacheBytes }) => prefixCacheBytes,
    );
    const count = (name: string, help: string, value: (of: GenerationEngine['statistics']) => number) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(value(engine.statistics));
        },
      });
    count('scmoe_steps_total', 'Passes of the model.', ({ numSteps }) => numSteps);
    count('scmoe_prompt_tokens_total', 'Tokens of prompts.', ({ numPromptTokens }) => numPromptTokens);
    count(
      'scmoe_reused_prompt_tokens_total',
      'Those taken over from other prompts.',
      ({ numReusedTokens }) => numReusedTokens,
    );
    count('scmoe_generated_tokens_total', 'Tokens written.', ({ numGeneratedTokens }) => numGeneratedTokens);
  }

  /** Notes a request that has ended. */
  ended(route: Route, status: number, seconds: number): void {
    this.requests.inc({ route, status: String(status) });
    this.seconds.observe({ route }, seconds);
  }

  /** Notes the first token of an answer. */
  firstToken(seconds: number): void {
    this.firstTokenSeconds.observe(seconds);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }
}
