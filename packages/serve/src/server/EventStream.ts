import type { ServerResponse } from 'node:http';

/** How long nothing may be sent before a comment says that the server is still there, for what stands between. */
const quietMs = 15_000;

/** Server-sent events over a response: JSON values, each an event of its own, and `[DONE]`, after which the response ends. */
export class EventStream {
  private readonly pulse: NodeJS.Timeout;

  constructor(private readonly response: ServerResponse) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-store',
      // Proxies that collect answers would hold the events back.
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    response.flushHeaders();
    this.pulse = setInterval(() => this.response.write(': ping\n\n'), quietMs).unref();
    response.once('close', () => clearInterval(this.pulse));
  }

  /** Sends an event. Resolves when the client can take more, or is gone. */
  async send(value: object): Promise<void> {
    await this.write(`data: ${JSON.stringify(value)}\n\n`);
  }

  /** Ends the response as one that is complete. */
  async done(): Promise<void> {
    await this.write('data: [DONE]\n\n');
    this.end();
  }

  /** Ends the response. */
  end(): void {
    clearInterval(this.pulse);
    this.response.end();
  }

  private async write(text: string): Promise<void> {
    const { response } = this;
    this.pulse.refresh();
    if (response.destroyed || response.writableEnded || response.write(text)) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off('drain', go);
        response.off('close', go);
        resolve();
      };
      response.on('drain', go);
      response.on('close', go);
    });
  }
}
