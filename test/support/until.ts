/** Waits until the condition holds. Fails with the last value seen. */
export async function until<T>(read: () => Promise<T> | T, holds: (value: T) => boolean, within = 5_000): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`not within ${within} ms; last seen ${JSON.stringify(value)}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
