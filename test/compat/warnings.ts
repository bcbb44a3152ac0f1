/** Node's warnings, and what connmeter itself says, each once and without what differs from run to run. */
export function warningsIn(stderr: string): ReadonlySet<string> {
  const lines = stderr.split('\n').filter(line => /\(node:\d+\).*\w*Warning:|^connmeter: /.test(line));
  return new Set(
    lines.map(line =>
      line
        .replace(/\(node:\d+\)/, '(node)')
        .replace(/\d{4,}/g, 'N')
        // We make room for our own listener, so that a leak of the program's is warned of with both numbers one higher.
        .replace(/\d+(?= \S+ listeners added)|(?<=MaxListeners is )\d+/g, 'N')
        .trim(),
    ),
  );
}

/** Lines that every run with connmeter prints and no run without it. */
export function warningsOnlyWith(plain: readonly string[], measured: readonly string[]): string[] {
  const heard = new Set(plain.flatMap(stderr => [...warningsIn(stderr)]));
  const [first, ...others] = measured.map(warningsIn);
  return [...(first ?? [])].filter(line => !heard.has(line) && others.every(other => other.has(line)));
}
