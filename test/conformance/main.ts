// npm run conformance: judges any SOCKS5 server, or compares depot with others. See docs/conformance.md.

import { spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { tempDir } from '../support/depot.ts';
import { namespaceCommand, noNamespaces } from '../support/namespace.ts';
import { judgeAll, select } from './checks.ts';
import { directoryOf, PEERS, ROUTES, versionOf } from './peers.ts';
import { comparison, hasFailed, json, type Report, single } from './report.ts';
import type { Subject } from './trial.ts';

const USAGE = `Judges a SOCKS5 server by RFC 1928, RFC 1929 and what programs count on.

  npm run conformance -- HOST:PORT [options]    one server
  npm run conformance -- [--compare] [options]  depot, depot client, dante, microsocks and ssh -D, started here

  --user U --password P   who the checks say they are (or SOCKS_PASSWORD in the environment)
  --app HOST              this machine as the server reaches it (default 127.0.0.1)
  --listen ADDRESS        where the checks' apps listen (default: what --app says)
  --forbidden HOST:PORT   something that the server's rules forbid
  --only PART[,PART]      checks whose name contains one of these
  --json                  for programs
  --out FILE              writes the comparison between the marks of this Markdown file

Exit code 1 where the server, or in a comparison depot, failed a check; 2 where the call was wrong.
`;

/** Set inside the network namespace that a comparison runs in, where it may make one. */
const INSIDE = 'DEPOT_CONFORMANCE_INSIDE';
const BEGIN = '<!-- comparison: begin -->';
const END = '<!-- comparison: end -->';

class UsageError extends Error {}

const readArguments = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        compare: { type: 'boolean', default: false },
        user: { type: 'string' },
        password: { type: 'string' },
        app: { type: 'string', default: '127.0.0.1' },
        listen: { type: 'string' },
        forbidden: { type: 'string' },
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
};
type Options = ReturnType<typeof readArguments>['values'];

const parseAddress = (text: string): { host: string; port: number } => {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['six'] ?? match?.groups?.['host'];
  if (host === undefined) throw new UsageError(`${text} is not HOST:PORT`);
  return { host, port: Number(match?.groups?.['port']) };
};

const subjectOf = async (target: string, options: Options): Promise<Subject> => {
  const { host, port } = parseAddress(target);
  const password = options.password ?? process.env['SOCKS_PASSWORD'];
  if ((options.user === undefined) !== (password === undefined)) throw new UsageError('a user needs a password');
  return {
    host: (await lookup(host)).address,
    port,
    appHost: options.app,
    listenHost: options.listen ?? options.app,
    ...(options.user !== undefined && password !== undefined && { login: { user: options.user, password } }),
    ...(options.forbidden !== undefined && { forbidden: parseAddress(options.forbidden) }),
  };
};

const compare = async (parts: readonly string[]): Promise<readonly Report[]> => {
  using directory = tempDir();
  await using stack = new AsyncDisposableStack();
  const checks = select(parts);
  return await Promise.all(
    PEERS.map(async (peer) => {
      const subject = await peer.start(directoryOf(peer, directory.path), stack);
      const version = await versionOf(peer);
      const outcomes = await judgeAll(checks, subject);
      return { subject: peer.name, ...(version !== undefined && { version }), outcomes };
    }),
  );
};

/** Puts a comparison between the marks of a file. */
const writeInto = (file: string, text: string): void => {
  const [before, after] = [readFileSync(file, 'utf8').split(BEGIN)[0], readFileSync(file, 'utf8').split(END)[1]];
  if (before === undefined || after === undefined) throw new UsageError(`${file} has no ${BEGIN} and ${END}`);
  writeFileSync(file, `${before}${BEGIN}\n\n${text}\n${END}${after}`);
};

/** The same again in a network namespace, where some networks have no route; undefined where that cannot be. */
const runInside = (): number | undefined => {
  if (process.env[INSIDE] !== undefined || noNamespaces() !== false) return undefined;
  const [command = '', ...args] = namespaceCommand({ routes: ROUTES });
  const env = { ...process.env, [INSIDE]: '1' };
  return (
    spawnSync(command, [...args, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env }).status ?? 1
  );
};

const main = async (): Promise<number> => {
  const { values: options, positionals } = readArguments();
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [target, ...others] = positionals;
  if (others.length > 0 || (target !== undefined && options.compare)) throw new UsageError('one server at a time');
  const parts = options.only?.split(',') ?? [];
  if (select(parts).length === 0) throw new UsageError(`no check is called ${options.only}`);
  if (target !== undefined) {
    const report = { subject: target, outcomes: await judgeAll(select(parts), await subjectOf(target, options)) };
    process.stdout.write(options.json ? `${json([report])}\n` : single(report));
    return hasFailed(report) ? 1 : 0;
  }
  const inside = runInside();
  if (inside !== undefined) return inside;
  const reports = await compare(parts);
  process.stdout.write(options.json ? `${json(reports)}\n` : comparison(reports));
  if (options.out !== undefined) writeInto(options.out, comparison(reports));
  return reports.some((report) => report.subject.startsWith('depot') && hasFailed(report)) ? 1 : 0;
};

process.exitCode = await main().catch((error: unknown) => {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}`);
  return 2;
});
