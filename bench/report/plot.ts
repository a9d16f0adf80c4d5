// Bar charts as SVG, without a library: groups of bars, one colour per contestant, readable on light and dark. Pure.

import { format } from './tables.ts';

export interface Plot {
  readonly title: string;
  /** What the bars are, and whether more is better. */
  readonly unit: string;
  readonly groups: readonly { readonly name: string; readonly bars: readonly Bar[] }[];
}

interface Bar {
  readonly contestant: string;
  readonly value: number;
}

/** The same contestant has the same colour in every plot; depot's is the one that stands out. */
const COLOURS: Readonly<Record<string, string>> = {
  'direct': '#9aa0a6',
  'depot': '#e8590c',
  'ssh -R': '#74a9d8',
  'ssh -R aes-gcm': '#2f78b7',
  'frp': '#58a55c',
  'chisel': '#b58900',
  'gost': '#8a63d2',
  'rathole': '#c2528b',
  'wstunnel': '#2aa198',
  'haproxy x2': '#6b7280',
};
const OTHER = '#a0a0a0';

const [WIDTH, LABEL, BAR, GAP, TOP] = [760, 150, 15, 18, 52] as const;
const SCALE = WIDTH - LABEL - 80;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** Text takes the colour of the page it stands on, as far as an image can know it. */
const STYLE = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.group { font-weight: 600; }
.soft { fill: #57606a; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .soft { fill: #9da7b1; } }
</style>`;

/** One bar per line. Bars of a group share a scale, so that its longest one fills the width. */
export const svg = ({ title, unit, groups }: Plot): string => {
  let y = TOP;
  const lines: string[] = [];
  for (const { name, bars } of groups) {
    const longest = Math.max(...bars.map(({ value }) => value));
    lines.push(`<text class="group" x="0" y="${y + 4}">${escape(name)}</text>`);
    y += 12;
    for (const { contestant, value } of bars) {
      const width = Math.max(1, Math.round((value / longest) * SCALE));
      const middle = y + BAR - 4;
      lines.push(
        `<text class="soft" x="${LABEL - 8}" y="${middle}" text-anchor="end">${escape(contestant)}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR - 2}" rx="2" fill="${COLOURS[contestant] ?? OTHER}"/>`,
        `<text x="${LABEL + width + 6}" y="${middle}">${format(value)}</text>`,
      );
      y += BAR;
    }
    y += GAP;
  }
  const head = `<text class="title" x="0" y="16">${escape(title)}</text><text class="soft" x="0" y="34">${escape(unit)}</text>`;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">`;
  return `${[open, `<title>${escape(title)}</title>`, STYLE, head, ...lines, '</svg>'].join('\n')}\n`;
};
