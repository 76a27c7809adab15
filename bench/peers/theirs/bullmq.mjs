// BullMQ, measured as drive.py measures the others: `node bullmq.mjs --jobs N --trips N`, Redis in BENCH_REDIS, JSON out.
// Beside its node_modules: the installation copies it there.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Queue, QueueEvents, Worker } from 'bullmq';

const IN_FLIGHT = 100;
const POLL_MS = 10;
const redis = new URL(process.env.BENCH_REDIS);
const connection = { host: redis.hostname, port: Number(redis.port), maxRetriesPerRequest: null };
const pause = () => new Promise((done) => setTimeout(done, POLL_MS));
const secondsSince = (begun) => (performance.now() - begun) / 1e3;

function work() {
  new Worker('peer', async (job) => job.data.number, { connection, concurrency: 200 });
  process.on('SIGTERM', () => process.exit(0));
}

async function enqueue(queue, jobs) {
  const submitter = async (first) => {
    for (let number = first; number < jobs; number += IN_FLIGHT) await queue.add('noop', { number });
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, first) => submitter(first)));
  return secondsSince(begun);
}

async function drain(queue, jobs) {
  const tenth = Math.ceil(jobs / 10);
  let ended;
  while ((ended = await queue.getCompletedCount()) < tenth) await pause();
  const begun = performance.now();
  while ((await queue.getCompletedCount()) < jobs) await pause();
  return (jobs - ended) / secondsSince(begun);
}

async function trips(queue, count) {
  const events = new QueueEvents('peer', { connection });
  await events.waitUntilReady();
  const taken = [];
  for (let number = 0; number < count; number++) {
    const begun = performance.now();
    await (await queue.add('noop', { number })).waitUntilFinished(events);
    taken.push(secondsSince(begun));
  }
  return taken;
}

async function measure(jobs, count) {
  const queue = new Queue('peer', { connection });
  await queue.waitUntilReady();
  const enqueued = await enqueue(queue, jobs);
  const self = fileURLToPath(import.meta.url);
  const workers = [1, 2].map(() => spawn(process.execPath, [self, 'worker'], { stdio: 'ignore' }));
  try {
    const drained = await drain(queue, jobs);
    const taken = await trips(queue, count);
    console.log(JSON.stringify({ submitted_per_second: jobs / enqueued, drained_per_second: drained, trips: taken }));
  } finally {
    for (const worker of workers) worker.kill();
  }
}

if (process.argv[2] === 'worker') {
  work();
} else {
  const { values } = parseArgs({ options: { jobs: { type: 'string' }, trips: { type: 'string' } } });
  await measure(Number(values.jobs), Number(values.trips));
  process.exit(0);
}
