import fc from 'fast-check';

/** Names that are likely to break parsers. */
export const HOSTILE_NAMES: readonly string[] = [
  '',
  ' ',
  '"',
  '\\',
  '\n',
  '\\n',
  'a"} 1\ninjected_total{b="',
  'a\r\nb',
  'a\0b',
  '\0abstract-socket',
  '\x1b[31mred\x1b[0m',
  '\x1b]0;title\x07',
  '\x9b31m',
  '\x7f\b\b\b',
  '\u202egnp.exe',
  'a\u2028b\u2029c',
  '\ufeffa',
  '\ud800',
  '\ud801',
  'a\udc00b',
  '😀.test',
  'ΟΔΟΣ.test',
  'İstanbul.test',
  '__proto__',
  'constructor',
  '_OTHER',
  '# TYPE x counter',
  '{le="+Inf"}',
  '%s%d%j%o',
  'x'.repeat(10_000),
  '"\\\n'.repeat(3_333),
  `${'x'.repeat(254)}😀`,
  'redis://:hunter2@redis.test:6379/0?ssl=1',
];

/** Any string: arbitrary UTF-16 with lone surrogates, arbitrary code points, ASCII with control characters. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code)), maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'binary-ascii', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', ',', '}', '{', '=', ' ', '#', 'a', '1'), maxLength: 40 }),
  fc.domain(),
  fc.ipV6(),
);

/** Control characters, bidirectional controls, line separators and lone surrogates. */
export const UNSAFE_CHARACTERS = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
