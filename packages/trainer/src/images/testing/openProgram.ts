// A process of its own that opens images: node openProgram.ts <data> <cacheFolder>; prints what it found or what went wrong.
import { openImages } from '../openImages.js';

const [path, cacheFolder] = process.argv.slice(2);
try {
  const { counts, fingerprint, cache } = await openImages(path!, { cacheFolder });
  console.log(JSON.stringify({ counts, fingerprint, built: cache!.built }));
} catch (error) {
  console.log(JSON.stringify({ name: (error as Error).name, message: (error as Error).message }));
}
