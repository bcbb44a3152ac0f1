import { describe, expect, test } from 'vitest';
import {
  ARRIVAL_COLOURS,
  BACKGROUND,
  CAUSE_COLOURS,
  HANDSHAKE_COLOURS,
  OUTCOME_COLOURS,
  PHASE_COLOURS,
  REASON_COLOURS,
  REQUESTS_COLOURS,
  SERVER_REASON_COLOURS,
  STATE_COLOURS,
} from '../../dashboards/source/grafana/colours.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { readDashboard } from '../support/dashboards.ts';
import { panels } from './lint.ts';

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

/**
 * Simulates each colour vision deficiency at full strength, in linear RGB: Machado, Oliveira and Fernandes, A
 * physiologically-based model for simulation of color vision deficiency, 2009.
 */
const VISION: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** A distance in OKLab. The two blues for open connections have 0.17, with normal vision. */
const MIN_DISTANCE = 0.07;

/** Enough for a line; text would need more. */
const MIN_CONTRAST = 2;

/** The backgrounds of Grafana's panels, dark and light. */
const BACKGROUNDS = ['#181B1F', '#FFFFFF'];

const LISTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  causes: CAUSE_COLOURS,
  phases: PHASE_COLOURS,
  states: STATE_COLOURS,
  outcomes: OUTCOME_COLOURS,
  'requests per connection': REQUESTS_COLOURS,
  arrivals: ARRIVAL_COLOURS,
  handshakes: HANDSHAKE_COLOURS,
};

describe.each(Object.entries(LISTS))('the colours of %s', (_, colours) => {
  test.each(Object.entries(VISION))('can be distinguished: %s', (_, matrix) => {
    const simulated = Object.entries(colours).map(([name, colour]) => ({
      name,
      at: oklab(transformed(matrix, linear(colour))),
    }));
    const close = simulated.flatMap((a, index) =>
      simulated.slice(index + 1).flatMap(b => (distance(a.at, b.at) < MIN_DISTANCE ? [`${a.name} and ${b.name}`] : [])),
    );

    expect(close).toEqual([]);
  });
});

test.each(
  Object.entries({
    ...LISTS,
    reasons: REASON_COLOURS,
    'reasons of servers': SERVER_REASON_COLOURS,
    background: { series: BACKGROUND },
  }),
)('the colours of %s have enough contrast in dark and light themes', (_, colours) => {
  const lowContrast = Object.entries(colours).flatMap(([name, colour]) =>
    BACKGROUNDS.filter(background => contrast(colour, background) < MIN_CONTRAST).map(
      background => `${name} on ${background}`,
    ),
  );

  expect(lowContrast).toEqual([]);
});

test('every cause and every reason has its own colour', () => {
  expect(Object.keys(CAUSE_COLOURS).sort()).toEqual([...OPEN_CAUSES].sort());
  expect(Object.keys(REASON_COLOURS).sort()).toEqual([...CLOSE_REASONS].sort());
  expect(new Set(Object.values(REASON_COLOURS)).size).toBe(CLOSE_REASONS.length);
  expect(Object.keys(SERVER_REASON_COLOURS).sort()).toEqual([...SERVER_CLOSE_REASONS].sort());
  expect(new Set(Object.values(SERVER_REASON_COLOURS)).size).toBe(SERVER_CLOSE_REASONS.length);
});

test('a name has the same colour on every panel', () => {
  const found = new Map<string, Set<string>>();
  for (const { fieldConfig } of panels(readDashboard('dashboards/connmeter.json'))) {
    for (const { matcher, properties } of fieldConfig?.overrides ?? []) {
      const { fixedColor } = (properties.find(({ id }) => id === 'color')?.value ?? {}) as { fixedColor?: string };
      const name = String(matcher.options);
      if (fixedColor !== undefined) found.set(name, (found.get(name) ?? new Set()).add(fixedColor));
    }
  }

  const several = [...found].filter(([name, colours]) => colours.size > 1 && !SHADES.includes(name));
  expect(several.map(([name]) => name)).toEqual([]);
  expect(found.get('body_held')).toEqual(new Set([CAUSE_COLOURS.body_held]));
  expect(found.get('dns')).toEqual(found.get('DNS'));
  expect(
    [CAUSE_COLOURS, REASON_COLOURS, SERVER_REASON_COLOURS].flatMap(Object.keys).filter(name => !found.has(name)),
  ).toEqual([]);
});

/** Percentiles have shades of the colour of their panel. */
const SHADES = ['p50', 'p95', 'p99'];

function linear(hex: string): Triple {
  return [1, 3, 5].map(at => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;
}

function transformed(matrix: Matrix, [r, g, b]: Triple): Triple {
  return matrix.map(([x, y, z]) => Math.min(1, Math.max(0, x * r + y * g + z * b))) as unknown as Triple;
}

/** https://bottosson.github.io/posts/oklab/ */
function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function distance(a: Triple, b: Triple): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(a: string, b: string): number {
  const [x = 0, y = 0] = [a, b].map(colour => {
    const [red, green, blue] = linear(colour);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  });
  return Math.max(x, y) / Math.min(x, y);
}
