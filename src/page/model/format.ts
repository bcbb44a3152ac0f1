/** Shown where there is nothing to show. */
export const NOTHING = '–';

/** A whole number, for example `12,345`. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** A whole number where there is little room, for example `12,345` or `1.23M`. */
export function shortCount(value: number): string {
  if (value < 1_000_000) return count(value);
  return value.toLocaleString('en', { notation: 'compact', maximumSignificantDigits: 3 });
}

/** A number and its noun, for example `1 server` or `12 servers`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A duration in the unit that makes it easy to read, for example `350 µs`, `12 ms`, `1.5 s`, `41 s`, `3 min` or `2 h`. */
export function duration(seconds: number): string {
  if (seconds <= 0) return '0 s';
  if (seconds < 0.001) return `${Math.max(1, Math.round(seconds * 1e6))} µs`;
  if (seconds < 0.9995) return `${twoDigits(seconds * 1000)} ms`;
  if (seconds < 119.5) return `${twoDigits(seconds)} s`;
  if (seconds < 7_170) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_000) return `${Math.round(seconds / 3600)} h`;
  return `${count(Math.round(seconds / 86_400))} days`;
}

/** A number of events per second, for example `0.25/s`. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond < 0.005) return '<0.01/s';
  return `${perSecond < 9.95 ? twoDigits(perSecond) : count(Math.round(perSecond))}/s`;
}

/** A share. Only what is complete is 100 %, and only nothing is 0 %. */
export function percent(share: number): string {
  if (share <= 0) return '0 %';
  if (share >= 1) return '100 %';
  return `${Math.min(99, Math.max(1, Math.round(share * 100)))} %`;
}

/** At most two digits, unless there are more before the point. */
function twoDigits(value: number): string {
  return String(value < 9.95 ? Number(value.toPrecision(2)) : Math.round(value));
}
