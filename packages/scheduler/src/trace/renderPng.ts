import { ArgumentError } from '@scmoe/errors';

/** Size of the picture. */
export interface RenderPngOptions {
  /** Pixels of the picture for each of the SVG's. Default 2. */
  readonly zoom?: number;
}

/**
 * The PNG of an SVG.
 *
 * @throws ArgumentError where `@resvg/resvg-js`, an optional peer with a binary for each platform, is not installed
 */
export async function renderPng(svg: string, { zoom = 2 }: RenderPngOptions = {}): Promise<Uint8Array> {
  let Resvg: (typeof import('@resvg/resvg-js'))['Resvg'];
  try {
    ({ Resvg } = await import('@resvg/resvg-js'));
  } catch (error) {
    throw new ArgumentError(
      `PNG needs @resvg/resvg-js, which could not be loaded: npm install @resvg/resvg-js, or write SVG. ${(error as Error).message}`,
    );
  }
  return new Resvg(svg, { fitTo: { mode: 'zoom', value: zoom }, font: { loadSystemFonts: true } }).render().asPng();
}
