// Bytes per second over the last 15 minutes.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { bytes, rate } from './format.ts';
import { traffic } from './live.ts';

const HEIGHT = 190;

const colorOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const optionsFor = (width: number): uPlot.Options => {
  const axis = { stroke: colorOf('--muted'), grid: { stroke: colorOf('--line'), width: 1 }, ticks: { show: false } };
  const line = (label: string, color: string): uPlot.Series => ({
    label,
    stroke: colorOf(color),
    fill: `color-mix(in srgb, ${colorOf(color)} 14%, transparent)`,
    width: 1.5,
    points: { show: false },
    value: (_plot, value) => (value === null ? '–' : rate(value)),
  });
  return {
    width,
    height: HEIGHT,
    cursor: { y: false },
    legend: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1000, high * 1.1)] } },
    series: [{}, line('down', '--down'), line('up', '--up')],
    axes: [
      { ...axis, values: '{HH}:{mm}', space: 70, size: 28 },
      {
        ...axis,
        size: 68,
        values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : `${bytes(value)}/s`)),
      },
    ],
  };
};

export const TrafficChart = () => {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    let plot: uPlot | undefined;
    const dataOf = (): uPlot.AlignedData => {
      const [seconds, up, down] = traffic.value;
      return [seconds, down, up];
    };
    const draw = (): void => {
      plot?.destroy();
      plot = new uPlot(optionsFor(element.clientWidth), dataOf(), element);
    };
    draw();
    const stop = traffic.subscribe(() => plot?.setData(dataOf()));
    const resize = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      stop();
      resize.disconnect();
      scheme.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, []);
  const [, up, down] = traffic.value;
  return (
    <figure class="chart">
      <figcaption>
        <span class="key down">down {rate(down.at(-1) ?? 0)}</span>
        <span class="key up">up {rate(up.at(-1) ?? 0)}</span>
        <span class="muted">last 15 minutes</span>
      </figcaption>
      <div ref={box} role="img" aria-label="Bytes per second in each direction over the last 15 minutes" />
    </figure>
  );
};
