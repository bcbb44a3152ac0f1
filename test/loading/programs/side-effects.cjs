// Loaded first. Writes to descriptor 4 which Node getters ran, which Node functions were replaced, and which warnings were
// emitted.
const { builtinModules } = require('node:module');
const { writeSync } = require('node:fs');

const named = builtinModules.filter(name => !/^_|^(punycode|sys)$/.test(name)); // loading the others is deprecated
const places = new Map([
  ['process', process],
  ['globalThis', globalThis],
  ...named.map(name => [name, require(name)]),
  ['Agent.prototype', require('node:http').Agent.prototype],
  ['EventEmitter.prototype', require('node:events').prototype],
  ['Server.prototype', require('node:net').Server.prototype],
  ['Socket.prototype', require('node:net').Socket.prototype],
]);

const ran = new Set();
const functions = [];
for (const [place, object] of places) {
  for (const key of Reflect.ownKeys(Object(object))) {
    const property = Object.getOwnPropertyDescriptor(object, key);
    const name = `${place}.${String(key)}`;
    if (typeof property.value === 'function') functions.push({ name, object, key, value: property.value });
    if (property.get === undefined || !property.configurable || name.includes('._')) continue; // internal to Node

    Object.defineProperty(object, key, {
      ...property,
      get() {
        ran.add(name);
        return property.get.call(this);
      },
    });
  }
}

const warnings = [];
process.on('warning', ({ name, code, message }) => warnings.push([name, code, message].join(' ')));
process.on('exit', () => {
  const getters = [...ran];
  const replaced = functions.filter(({ object, key, value }) => {
    return Object.getOwnPropertyDescriptor(object, key)?.value !== value;
  });
  writeSync(
    4,
    JSON.stringify([
      { 'getter run': getters, 'function replaced': replaced.map(({ name }) => name), warning: warnings },
    ]),
  );
});
