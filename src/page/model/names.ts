import type { Origin } from '../../core/origins.ts';

/** How many characters of a name a table shows. */
const SHORT = 64;

/** Text from outside as it is shown: characters that are invisible, or that change the order of others, are replaced. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** An origin as it is shown, for example `db.test:5432` or `[::1]:80`. */
export function originName({ address, port }: Origin): string {
  const name = visible(address);
  if (port === undefined) return name;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** Identifies an origin. */
export function originKey({ address, port }: Origin): string {
  return `${address} ${port ?? ''}`;
}

/** A long name without its middle: the end of a host name says more than the middle does. */
export function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= SHORT) return name;
  return `${characters.slice(0, SHORT / 2 - 1).join('')}…${characters.slice(-SHORT / 2).join('')}`;
}

/** A test of names against what somebody types into the filter. */
export function nameFilter(typed: string): (origin: Origin) => boolean {
  const wanted = typed.trim().toLowerCase();
  return origin => wanted === '' || originName(origin).toLowerCase().includes(wanted);
}
