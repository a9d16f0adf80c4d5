// A page of the documentation as something that can be run. Pure: text in, steps out.
// A block of `console` holds commands behind the name of the host that they are typed on, and what they print:
//
//     nas$ depot local 'depot://…'
//
// A block whose info string names `file=HOST:PATH` is what that file holds.

/** A command as it is typed, and what the page says that it prints. */
interface Command {
  readonly kind: 'command';
  readonly host: string;
  readonly text: string;
  /** Lines in their order; … stands for anything, a line of … for any lines. */
  readonly prints: readonly string[];
  /** The exit code that the page announces with `# exit code N`; 0 where it says nothing. */
  readonly code: number;
  readonly line: number;
}

interface File {
  readonly kind: 'file';
  readonly host: string;
  readonly path: string;
  readonly text: string;
  readonly line: number;
}

export type Step = Command | File;

export interface Page {
  readonly steps: readonly Step[];
  /** What has to be there before, from `<!-- run with: web nas 80, ssh nas -->`. */
  readonly apps: readonly string[];
}

const FENCE = /^```(\S*) ?(.*)$/;
const PROMPT = /^([a-z]+)[$#] (.*)$/;
const CODE = /# exit code (\d+)$/;

const commandsOf = (lines: readonly string[], firstLine: number): Command[] => {
  const commands: Command[] = [];
  for (const [index, text] of lines.entries()) {
    const [, host, typed] = PROMPT.exec(text) ?? [];
    const last = commands.at(-1);
    if (host !== undefined && typed !== undefined)
      commands.push({
        kind: 'command',
        host,
        text: typed,
        prints: [],
        code: Number(CODE.exec(typed)?.[1] ?? 0),
        line: firstLine + index,
      });
    else if (last === undefined) throw new Error(`line ${firstLine + index}: output without a command`);
    else if (text.startsWith('> ') && last.prints.length === 0)
      commands[commands.length - 1] = { ...last, text: `${last.text}\n${text.slice(2)}` };
    else if (text.trim() !== '') commands[commands.length - 1] = { ...last, prints: [...last.prints, text] };
  }
  return commands;
};

interface Block {
  readonly language: string;
  readonly info: string;
  readonly lines: readonly string[];
  /** Where its first line stands, from 1. */
  readonly line: number;
}

export const blocksOf = (markdown: string): Block[] => {
  const blocks: Block[] = [];
  let open: { language: string; info: string; lines: string[]; line: number } | undefined;
  for (const [index, text] of markdown.split('\n').entries()) {
    const [fence, language = '', info = ''] = FENCE.exec(text) ?? [];
    if (open !== undefined && text === '```') {
      blocks.push(open);
      open = undefined;
    } else if (open !== undefined) open.lines.push(text);
    else if (fence !== undefined) open = { language, info, lines: [], line: index + 2 };
  }
  return blocks;
};

const stepsOf = ({ language, info, lines, line }: Block): Step[] => {
  if (language === 'console') return commandsOf(lines, line);
  const [, host, path] = /file=([a-z]+):(\S+)/.exec(info) ?? [];
  return host === undefined || path === undefined
    ? []
    : [{ kind: 'file', host, path, text: `${lines.join('\n')}\n`, line }];
};

export const parsePage = (markdown: string): Page => ({
  steps: blocksOf(markdown).flatMap((block) => stepsOf(block)),
  apps:
    /<!-- run with: (.*?) -->/
      .exec(markdown)?.[1]
      ?.split(',')
      .map((app) => app.trim()) ?? [],
});

const escape = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);

/** One line as a pattern: … is anything, and so is how many blanks there are. */
const patternOf = (line: string): string =>
  line
    .trim()
    .split(/\s+/)
    .map((word) =>
      word
        .split('…')
        .map((part) => escape(part))
        .join('[^\\n]*'),
    )
    .join('[^\\S\\n]+');

/** The first of these lines that was not printed, in their order; undefined where all were. */
export const firstMissing = (expected: readonly string[], printed: string): string | undefined => {
  let rest = printed;
  for (const line of expected) {
    if (line.trim() === '…') continue;
    const match = new RegExp(`^[^\\S\\n]*${patternOf(line)}[^\\S\\n]*$`, 'm').exec(rest);
    if (match === null) return line;
    rest = rest.slice(match.index + match[0].length);
  }
  return undefined;
};
