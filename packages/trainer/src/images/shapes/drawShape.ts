import type { RandomStream } from '@scmoe/tensor';

import type { RgbImage } from '../RgbImage.js';
import type { Shape } from './shapes.js';

type Colour = readonly [number, number, number];

const samplesPerSide = 3;
/** Levels of a ground stay below the one, those of a shape above the other: a small model sees shapes in a minute or two. */
const darkest = 112;
const brightest = 144;

/** A shape in some bright colour, place, size and turn, on a dark ground of another colour, with noise over both. */
export function drawShape(shape: Shape, { random, side }: { random: RandomStream; side: number }): RgbImage {
  const ground = drawColour(random, 0, darkest);
  const colour = drawColour(random, brightest, 256);
  const radius = side * between(random, 0.28, 0.42);
  const centreX = between(random, radius, side - radius);
  const centreY = between(random, radius, side - radius);
  const turn = between(random, -0.4, 0.4);
  const noise = between(random, 0, 80);
  const [cos, sin] = [Math.cos(turn) / radius, Math.sin(turn) / radius];

  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isNear = Math.hypot(x + 0.5 - centreX, centreY - y - 0.5) < radius + 1;
      let inside = 0;
      for (let sample = 0; isNear && sample < samplesPerSide ** 2; sample++) {
        const dx = x + ((sample % samplesPerSide) + 0.5) / samplesPerSide - centreX;
        const dy = centreY - y - (Math.floor(sample / samplesPerSide) + 0.5) / samplesPerSide;
        if (shape(dx * cos + dy * sin, dy * cos - dx * sin)) inside++;
      }
      const share = inside / samplesPerSide ** 2;
      // One draw for a pixel: ten bits of noise for each channel.
      for (let channel = 0, bits = random.word(); channel < 3; channel++, bits >>>= 10) {
        const level = ground[channel]! + share * (colour[channel]! - ground[channel]!);
        data[(y * side + x) * 3 + channel] = clampLevel(level + noise * ((bits & 1023) / 1023 - 0.5));
      }
    }
  }
  return { width: side, height: side, data };
}

function drawColour(random: RandomStream, low: number, high: number): Colour {
  const level = () => low + random.int(high - low);
  return [level(), level(), level()];
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

const clampLevel = (level: number): number => Math.max(0, Math.min(255, Math.round(level)));
