import type { HEALTHY } from './programs/healthy.ts';
import { type Recording, readRecording } from './recordings.ts';
import type { Life, Segment } from './timeline.ts';

type Healthy = keyof typeof HEALTHY;

const MINUTE = 60;
const HOUR = 60 * MINUTE;

const read = new Map<string, Recording>();

export function recordingOf(program: string): Recording {
  const recording = read.get(program) ?? readRecording(program);
  read.set(program, recording);
  return recording;
}

const lasts = ({ scrapes, warmUp, interval }: Recording) => (scrapes - 1 - warmUp) * interval;

/** A program that does the same all day. */
const steady =
  (program: Healthy) =>
  (from: number): Segment[] => [{ recording: recordingOf(program), from, isStart: true }];

/** A cluster without faults. `duration`: in seconds, two days of it; with less than 48 hours, its days are shorter. */
export function healthyFleet(duration: number, random: () => number): Life[] {
  const day = duration / 2;
  const lives: Life[] = [];
  const pod = (job: string) => ({
    namespace: 'shop',
    job,
    instance: `${job}-${Math.floor(random() * 36 ** 5).toString(36)}`,
  });
  const end = duration + HOUR;

  /** The traffic of a day: little at night, much by day. One of its servers restarts twice a day. */
  const withLoadOfDay = (from: number, to: number): Segment[] => {
    const load = (time: number): Healthy => {
      const hour = ((time % day) / day) * 24;
      return hour < 6 || hour >= 23 ? 'api-night' : hour < 8 || hour >= 20 ? 'api-evening' : 'api-day';
    };
    const segments: Segment[] = [{ recording: recordingOf(load(from)), from, isStart: true }];
    const restarts = recordingOf('api-upstream-restarts');
    const isRestart = (time: number) =>
      [10.5, 17.2].some(hour => Math.floor((time % day) / MINUTE) === Math.floor((hour / 24) * (day / MINUTE)));
    for (let time = Math.ceil(from / MINUTE) * MINUTE; time < to; time += MINUTE) {
      const current = segments.at(-1) as Segment;
      if (isRestart(time) && time > from) {
        segments.push({ recording: restarts, from: time, isStart: false, isEvent: true });
      } else if (current.isEvent ? time >= current.from + lasts(restarts) : current.recording.program !== load(time)) {
        segments.push({ recording: recordingOf(load(time)), from: time, isStart: false });
      }
    }
    return segments;
  };

  /** Roll-outs twice a day: each instance is replaced by one with another name, one after the other. */
  const rolledOut = (job: string, count: number, segments: (from: number, to: number) => Segment[]) => {
    const rollOuts = [0, 1].flatMap(nth => [(nth + 10.2 / 24) * day, (nth + 15.6 / 24) * day]);
    for (let i = 0; i < count; i++) {
      const ends = [...rollOuts.map(time => time + i * 45 + random() * 20), end];
      ends.forEach((to, index) => {
        const from = index === 0 ? -MINUTE : (ends[index - 1] as number) - 25;
        lives.push({ labels: pod(job), from, to, segments: segments(from, to) });
      });
    }
  };

  rolledOut('api', 2, withLoadOfDay);
  rolledOut('worker', 2, steady('long-poll'));
  rolledOut('search', 2, steady('bursty'));
  rolledOut('backoffice', 2, steady('database'));
  rolledOut('small', 1, steady('tiny'));
  rolledOut('traced', 1, steady('side-car-off'));

  // Autoscaling: more instances of the API by day.
  for (const nth of [0, 1]) {
    for (let i = 0; i < 4; i++) {
      const from = (nth + (8 + i * 0.8 + random() * 0.5) / 24) * day;
      const to = (nth + (19 - i * 0.8 + random() * 0.5) / 24) * day;
      lives.push({ labels: pod('api'), from, to, segments: withLoadOfDay(from, to) });
    }
  }

  // Virtual machines keep their names. A roll-out restarts them one after the other, within a minute each.
  for (let i = 0; i < 3; i++) {
    const labels = { namespace: 'shop', job: 'legacy-api', instance: `10.0.0.${i + 1}:9464` };
    let from = -MINUTE;
    for (const to of [...[0, 1].flatMap(nth => [9.3, 14.1, 16.4].map(hour => (nth + hour / 24) * day + i * 70)), end]) {
      lives.push({ labels, from, to, segments: withLoadOfDay(from, to) });
      from = to + 20 + random() * 30;
    }
  }

  // Blue and green: both run for 15 minutes, then the old ones end.
  let started = -MINUTE;
  [0.55 * day, 1.4 * day, end].forEach((switched, index) => {
    for (let i = 0; i < 2; i++) {
      const labels = { ...pod('web'), instance: `web-${index % 2 === 0 ? 'blue' : 'green'}-${i}` };
      const to = switched + 15 * MINUTE;
      lives.push({ labels, from: started, to, segments: steady('behind-balancer')(started) });
    }
    started = switched;
  });

  // A cron job: five minutes of each hour.
  for (let from = 7 * MINUTE; from < duration; from += HOUR) {
    const start = from + random() * 20;
    const to = start + 5 * MINUTE;
    lives.push({ labels: pod('reports'), from: start, to, segments: steady('cron')(start) });
  }

  lives.push({ labels: pod('crawler'), from: 20 * MINUTE, to: end, segments: steady('crawler')(20 * MINUTE) });
  return lives;
}
