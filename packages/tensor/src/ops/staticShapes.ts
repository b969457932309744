let isStatic = false;

/**
 * Runs `compute` while no operation reads a tensor on the host to choose a shape: what is composed of TF.js ops takes a form of
 * fixed shapes then, as a step needs that is recorded once and run many times. The numbers are the same but for rounding.
 */
export function withStaticShapes<Result>(compute: () => Result): Result {
  const outer = isStatic;
  isStatic = true;
  try {
    return compute();
  } finally {
    isStatic = outer;
  }
}

/** Whether shapes may not depend on data now. */
export function hasStaticShapes(): boolean {
  return isStatic;
}
