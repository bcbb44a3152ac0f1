import type { OpenCause } from '../../../src/core/causes.ts';
import type { Outcome, Phase } from '../../../src/core/errors.ts';
import type { CloseReason, ServerCloseReason } from '../../../src/core/reasons.ts';

// A name has the same colour on every panel. The colours of one list can be distinguished with each kind of colour blindness,
// and have enough contrast in Grafana's dark and light themes; a test measures both. There are too many reasons for that, so
// related reasons have related colours.

const BLUE = '#398BFE';
const SKY = '#86BCE2';
const TEAL = '#0B9088';
const AMBER = '#E9A83B';
const VERMILION = '#C9590C';
const PURPLE = '#9A32C2';
const GREY = '#4F5453';

export const PHASE_COLOURS: Readonly<Record<Phase, string>> = {
  dns: '#65A0FF',
  connect: '#D9B02B',
  tls: '#A8487C',
  proxy: '#1F5E4B',
};

export const CAUSE_COLOURS: Readonly<Record<OpenCause, string>> = {
  first: SKY,
  new_pool: VERMILION,
  release_race: TEAL,
  replaced: AMBER,
  body_held: PURPLE,
  pool_busy: BLUE,
  unknown: GREY,
};

/** Blue: normal. Orange: the server. Pink: settings of the client. Purple: what happened to the request. */
export const REASON_COLOURS: Readonly<Record<CloseReason, string>> = {
  client_idle_timeout: SKY,
  server_idle_close: AMBER,
  server_closed_active: '#8A3A00',
  server_close_header: VERMILION,
  keep_alive_off: '#D6336C',
  keep_alive_hint_too_short: '#C99A6B',
  not_reusable_method: '#E58AA0',
  proxy_refused: '#7A5C00',
  body_unread: PURPLE,
  body_cancelled: '#D184C4',
  request_aborted: '#BC8BDC',
  request_timeout: '#6A50A7',
  max_requests: '#6478D8',
  connection_expired: '#9AA5E8',
  pool_full: '#2F62B5',
  goaway: TEAL,
  upgraded: '#5FB3A8',
  client_shutdown: BLUE,
  peer_closed: '#D0A24C',
  client_closed: '#6FA8F0',
  error: '#B3261E',
  unknown: GREY,
};

/**
 * The reasons of servers. A reason that clients also have keeps its colour. The others have the colour of the reason that the
 * client gives for the same event, see docs/both-sides.md: `keep_alive_timeout` here is `server_idle_close` there.
 */
export const SERVER_REASON_COLOURS: Readonly<Record<ServerCloseReason, string>> = {
  keep_alive_timeout: REASON_COLOURS.server_idle_close,
  keep_alive_hint_too_short: REASON_COLOURS.keep_alive_hint_too_short,
  never_used: REASON_COLOURS.client_shutdown,
  client_closed_idle: REASON_COLOURS.client_idle_timeout,
  client_aborted: REASON_COLOURS.request_aborted,
  client_close_header: REASON_COLOURS.keep_alive_off,
  request_timeout: REASON_COLOURS.request_timeout,
  max_requests: REASON_COLOURS.max_requests,
  server_close_header: REASON_COLOURS.server_close_header,
  upgraded: REASON_COLOURS.upgraded,
  server_shutdown: REASON_COLOURS.goaway,
  tls_failed: PHASE_COLOURS.tls,
  error: REASON_COLOURS.error,
  unknown: REASON_COLOURS.unknown,
};

/** Verdicts about a server that are no cause and no reason. What is fine has no colour. */
export const VERDICT_COLOURS = {
  hangs: PHASE_COLOURS.connect,
  race: REASON_COLOURS.error,
  limit: '#B5791A',
  new: CAUSE_COLOURS.unknown,
  slow: PHASE_COLOURS.dns,
  quiet: 'transparent',
  healthy: 'transparent',
} as const;

export const STATE_COLOURS = { active: BLUE, idle: SKY } as const;

export const OUTCOME_COLOURS: Readonly<Record<Outcome, string>> = { ok: TEAL, failed: VERMILION, timed_out: AMBER };

/** Connections that arrive at a server. */
export const ARRIVAL_COLOURS = { accepted: BLUE, refused: VERMILION } as const;

export const HANDSHAKE_COLOURS = { resumed: TEAL, full: AMBER } as const;

/** Requests per connection. */
export const REQUESTS_COLOURS = {
  none: PURPLE,
  one: VERMILION,
  '2 to 10': AMBER,
  '11 to 100': SKY,
  'more than 100': TEAL,
} as const;

/** For a series in the background: a limit, or connections without a state. */
export const BACKGROUND = GREY;

/** Colours of thresholds. These are names of Grafana, so they follow the theme. */
export const GOOD = 'green';
export const WATCH = 'orange';
export const BAD = 'red';

/** For a number that is neither good nor bad. */
export const NEUTRAL = BLUE;

/** The colour with an opacity between 0 and 1. */
export function withOpacity(colour: string, opacity: number): string {
  return (
    colour +
    Math.round(opacity * 255)
      .toString(16)
      .padStart(2, '0')
      .toUpperCase()
  );
}

/** A darker shade of the colour, if white text on it would be hard to read. https://www.w3.org/TR/WCAG22/#contrast-minimum */
export function behindText(colour: string): string {
  const parts = [1, 3, 5].map(at => Number.parseInt(colour.slice(at, at + 2), 16));
  for (let share = 1; ; share -= 0.05) {
    const shade = parts.map(part => Math.round(part * share));
    if (1.05 / (luminance(shade) + 0.05) >= 4.5) {
      return `#${shade.map(part => part.toString(16).padStart(2, '0')).join('')}`.toUpperCase();
    }
  }
}

function luminance(parts: readonly number[]): number {
  const [red = 0, green = 0, blue = 0] = parts.map(part => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
