/**
 * A value that is still on its way: whoever reads it first takes the steps that bring it. What these need, tensors among it, is
 * in `state`, where a tidy finds it.
 */
export class LateValue<Value = unknown> {
  private arrived: { value: Value } | undefined;

  constructor(
    private readonly state: object,
    private readonly bring: (state: object) => Value,
  ) {}

  /** Waits for the value. It comes once, whoever asks. */
  take(): Value {
    this.arrived ??= { value: this.bring(this.state) };
    return this.arrived.value;
  }
}
