/** Whether a point is in a shape that fills the circle of radius 1 around (0, 0), y upwards. */
export type Shape = (x: number, y: number) => boolean;

/** Whether a point is in the regular star or polygon whose corners alternate between two radii, the first one on top. */
function star(corners: number, inner: number): Shape {
  const half = Math.PI / corners;
  // The edge from an outer corner (0, 1) to the inner one beside it.
  const [ex, ey] = [inner * Math.sin(half), inner * Math.cos(half)];
  return (x, y) => {
    const angle = Math.abs(Math.atan2(x, y)) % (2 * half);
    const fromCorner = Math.min(angle, 2 * half - angle);
    const radius = Math.hypot(x, y);
    const [px, py] = [radius * Math.sin(fromCorner), radius * Math.cos(fromCorner)];
    return (px - ex) * (1 - ey) + (py - ey) * ex <= 0;
  };
}

/** The shapes by name, in the order of their classes. */
export const shapes: Readonly<Record<string, Shape>> = {
  circle: (x, y) => x * x + y * y <= 1,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= Math.SQRT1_2,
  triangle: star(3, 0.5),
  ring: (x, y) => x * x + y * y <= 1 && x * x + y * y >= 0.35,
  cross: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 0.95 && Math.min(Math.abs(x), Math.abs(y)) <= 0.3,
  star: star(5, 0.4),
  crescent: (x, y) => x * x + y * y <= 1 && (x - 0.45) ** 2 + y * y >= 0.6,
  bars: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= Math.SQRT1_2 && Math.abs(y) >= 0.25,
};
