// How text is laid out in a width that is handed in: tables, wrapped lines, lines cut short. Pure: knows no terminal, and
// of colours only that somebody hands in what paints.

import stringWidth from 'string-width';

/** What a piece of text means; who prints it says how that looks. */
export type Tone = 'head' | 'good' | 'warning' | 'bad' | 'quiet' | 'marked';
export type Paint = (tone: Tone, text: string) => string;

export interface Toned {
  readonly text: string;
  readonly tone: Tone;
}
type Cell = string | Toned;

/** What text is laid out for. */
export interface Display {
  /** Infinity where lines may be as long as they like. */
  readonly columns: number;
  readonly paint: Paint;
}

const GAP = '  ';
const INDENT = '  ';
/** The last column of a table is wrapped where this much is left for it. */
const LEAST_LAST_COLUMN = 24;

/** Names and reasons come from others: nothing in them may steer a terminal, or turn the order of what is read. */
export const harmless = (text: string): string => text.replaceAll(/[\p{Cc}\p{Bidi_C}\p{Zl}\p{Zp}]/gu, '?');

/** In columns of a terminal: a wide character takes two, an accent or a colour none. */
export const widthOf = (text: string): number => stringWidth(text);

const graphemes = new Intl.Segmenter();
const charactersOf = (text: string): string[] => [...graphemes.segment(text)].map(({ segment }) => segment);

/** Pieces of at most `columns`, each as long as can be; a character that is wider than that stands alone. */
const broken = (word: string, columns: number): string[] => {
  const pieces: string[] = [];
  let piece = '';
  for (const character of charactersOf(word)) {
    if (piece !== '' && widthOf(piece + character) > columns) {
      pieces.push(piece);
      piece = '';
    }
    piece += character;
  }
  return [...pieces, piece];
};

/** Lines of at most `columns`, broken at spaces where that is possible. */
export const wrap = (text: string, columns: number): string[] => {
  if (widthOf(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/).flatMap((word) => (widthOf(word) > columns ? broken(word, columns) : word))) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
};

const COLOUR = new RegExp(String.raw`(\u001B\[[\d;]*m)`);

/** The beginning of a line, as far as it fits; colours that it opens are closed. */
export const cut = (line: string, columns: number): string => {
  if (widthOf(line) <= columns) return line;
  let left = columns;
  const fits = (character: string): boolean => {
    const width = widthOf(character);
    left = width > left ? -1 : left - width;
    return left >= 0;
  };
  return line
    .split(COLOUR)
    .map((piece) => (COLOUR.test(piece) ? piece : charactersOf(piece).filter(fits).join('')))
    .join('');
};

interface Piece {
  readonly text: string;
  readonly tone: Tone | undefined;
}

const pieceOf = (cell: Cell): Piece =>
  typeof cell === 'string' ? { text: harmless(cell), tone: undefined } : { ...cell, text: harmless(cell.text) };

const painted = (text: string, tone: Tone | undefined, paint: Paint): string =>
  tone === undefined || text === '' ? text : paint(tone, text);

/** Filled up after it was painted, so that colours move nothing. */
const padded = ({ text, tone }: Piece, columns: number, paint: Paint): string =>
  painted(text, tone, paint) + ' '.repeat(Math.max(0, columns - widthOf(text)));

/** A row with its last cell on as many lines as that takes. */
const aligned = (row: readonly Piece[], widths: readonly number[], { columns, paint }: Display): string[] => {
  const before = row.slice(0, -1).map((piece, column) => padded(piece, widths[column] ?? 0, paint) + GAP);
  const indent = startOfLast(widths);
  const { text = '', tone } = row.at(-1) ?? {};
  return wrap(text, columns - indent).map((line, index) =>
    ((index === 0 ? before.join('') : ' '.repeat(indent)) + painted(line, tone, paint)).trimEnd(),
  );
};

const startOfLast = (widths: readonly number[]): number =>
  widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);

/** A row whose columns do not fit beside each other: `HEAD value`, one pair after the other. */
const block = (head: readonly string[], row: readonly Piece[], { columns, paint }: Display): string[] => {
  const room = Math.max(LEAST_LAST_COLUMN, columns);
  const pieces = row.flatMap(({ text, tone }, column) => {
    if (text === '') return [];
    const label = head[column] === undefined ? '' : `${head[column]} `;
    const [first = '', ...more] = wrap(text, room - INDENT.length - label.length);
    return [
      painted(label.trimEnd(), 'head', paint) + label.slice(-1) + painted(first, tone, paint),
      ...more.map((line) => painted(line, tone, paint)),
    ];
  });
  return pieces.reduce<string[]>((lines, piece) => {
    const joined = lines.length === 0 ? piece : `${lines.at(-1)}${GAP}${piece}`;
    return widthOf(joined) <= room ? [...lines.slice(0, -1), joined] : [...lines, INDENT + piece];
  }, []);
};

export interface Table {
  /** May be left out where the columns speak for themselves. */
  readonly head?: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** How wide each column is at least, so that it stays where it is when its values change. */
  readonly least?: readonly number[];
}

/**
 * Columns as wide as they need to be. Where the last one has too little room it is wrapped; where there is none, each row
 * becomes a block of pairs.
 */
export const layOut = ({ head = [], rows, least = [] }: Table, display: Display): string[] => {
  const titles = head.map((text): Piece => ({ text, tone: 'head' }));
  const pieces = rows.map((row) => row.map(pieceOf));
  const all = head.length === 0 ? pieces : [titles, ...pieces];
  const widths = Array.from({ length: Math.max(0, ...all.map((row) => row.length)) }, (_, column) =>
    Math.max(least[column] ?? 0, ...all.map((row) => widthOf(row[column]?.text ?? ''))),
  );
  const room = display.columns - startOfLast(widths);
  if (room >= Math.min(widths.at(-1) ?? 0, LEAST_LAST_COLUMN))
    return all.flatMap((row) => aligned(row, widths, display));
  return pieces.flatMap((row) => block(head, row, display));
};
