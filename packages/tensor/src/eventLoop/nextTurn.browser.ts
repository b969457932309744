/** A turn of the event loop. By a message, for timers of a page that follow each other wait for 4 ms. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const onmessage = () => {
      port1.close();
      resolve();
    };
    // Node's types, which are those of this package, know of no such property.
    Object.assign(port1, { onmessage });
    port2.postMessage(undefined);
  });
}
