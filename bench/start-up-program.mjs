// Prints what it has cost to start this process or, with a number of threads, what each of these costs.
function look() {
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) / 1000, resident: process.memoryUsage.rss() / 2 ** 20 };
}

async function threads(count) {
  const { once } = process.getBuiltinModule('node:events');
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  const waiting = new URL(
    'data:text/javascript,import{parentPort}from"node:worker_threads";parentPort.postMessage(0);parentPort.on("message",()=>{})',
  );
  const before = look();
  const started = Array.from({ length: count }, () => new Worker(waiting));
  await Promise.all(started.map(thread => once(thread, 'message')));
  const after = look();
  return { cpu: (after.cpu - before.cpu) / count, resident: (after.resident - before.resident) / count };
}

const count = Number(process.argv[2]);
console.log(JSON.stringify(count === 0 ? look() : await threads(count)));
process.exit();
