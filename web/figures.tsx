// The numbers that every role shows first: what runs now, how much it moves, and what has failed lately.

import { rate } from './format.ts';
import { failures, running, traffic } from './live.ts';
import { Figure } from './parts.tsx';

export const TrafficFigures = () => {
  const failed = failures.value.reduce((sum, { count }) => sum + count, 0);
  const [, up, down] = traffic.value;
  return (
    <>
      <Figure label="Streams now">{running.value}</Figure>
      <Figure label="Down">{rate(down.at(-1) ?? 0)}</Figure>
      <Figure label="Up">{rate(up.at(-1) ?? 0)}</Figure>
      <Figure label="Failures, 15 min" tone={failed > 0 ? 'warn' : ''}>
        {failed}
      </Figure>
    </>
  );
};
