// depot service install | uninstall | status | logs: a role that systemd keeps running.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { Argument, Command } from 'commander';
import { Home } from '../config/home.ts';
import { DepotError, messageOf } from '../errors.ts';
import { print } from './output.ts';
import { ownCommand } from './own-command.ts';
import { type Role, type Scope, systemHomeOf, unitNameOf, unitOf } from './systemd-unit.ts';

interface ServiceOptions {
  readonly user?: true;
  readonly home?: string;
  readonly print?: true;
  readonly follow?: true;
}

const scopeOf = ({ user }: ServiceOptions): Scope => (user === true ? 'user' : 'system');

const unitFileOf = (role: Role, scope: Scope): string => {
  const config = process.env['XDG_CONFIG_HOME'] ?? path.join(homedir(), '.config');
  const directory = scope === 'system' ? '/etc/systemd/system' : path.join(config, 'systemd', 'user');
  return path.join(directory, unitNameOf(role));
};

const requireSystemd = (scope: Scope): void => {
  if (!existsSync('/run/systemd/system'))
    throw new DepotError(
      'invalid-argument',
      'This machine is not run by systemd. `depot service install ROLE --print` shows the unit; for containers and launchd see packaging/ of the project.',
    );
  if (scope === 'system' && process.getuid?.() !== 0)
    throw new DepotError(
      'invalid-argument',
      'A service of the system needs root: use sudo, or --user for a service of your own.',
    );
};

/** A service sees no home of anybody (ProtectHome). */
const requireReadable = (command: readonly string[]): void => {
  const hidden = command.find((file) => /^\/(?:home|root|run\/user)\//.test(file));
  if (hidden === undefined) return;
  throw new DepotError(
    'invalid-argument',
    `${hidden} lies in somebody's home, where a service of the system cannot see it. Install depot for everybody (under /usr/local or /opt), or use --user.`,
  );
};

/** Says what it does, does it, and returns how it ended. */
const run = (program: string, ...args: readonly string[]): number => {
  print(`> ${[program, ...args].join(' ')}`);
  const { error, status } = spawnSync(program, args, { stdio: 'inherit' });
  if (error !== undefined)
    throw new DepotError('internal', `Cannot run ${program}: ${messageOf(error)}.`, { cause: error });
  return status ?? 1;
};

const systemctl = (scope: Scope, ...args: readonly string[]): number =>
  run('systemctl', ...(scope === 'user' ? ['--user'] : []), ...args);

const mustWork = (status: number): void => {
  if (status !== 0) throw new DepotError('internal', 'systemd refused, see above; nothing was undone.');
};

const nextSteps = (role: Role, home: string): string =>
  role === 'server'
    ? `Runs, and starts with the machine. Give the first user a password, and make a link for a local:\n  depot user passwd owner --home ${home}\n  depot invite home --home ${home}`
    : `Runs, and starts with the machine. Whether it is connected:\n  depot status --home ${home}`;

const install = (role: Role, args: readonly string[], options: ServiceOptions): void => {
  const scope = scopeOf(options);
  const command = ownCommand();
  const home = scope === 'system' ? systemHomeOf(role) : path.resolve(options.home ?? Home.default());
  if (scope === 'system' && options.home !== undefined)
    throw new DepotError('invalid-argument', `A service of the system has its home in ${home}; --home is for --user.`);
  const unit = unitOf({ role, scope, command, args, home });
  if (options.print === true) {
    process.stdout.write(unit);
    return;
  }
  requireSystemd(scope);
  if (scope === 'system') requireReadable(command);
  const file = unitFileOf(role, scope);
  print(`> write ${file}`);
  mkdirSync(path.dirname(file), { recursive: true });
  // A join link may be among the arguments.
  writeFileSync(file, unit, { mode: 0o600 });
  mustWork(systemctl(scope, 'daemon-reload'));
  mustWork(systemctl(scope, 'enable', '--now', unitNameOf(role)));
  print(nextSteps(role, home));
  if (scope === 'user') print('To have it run without a login: loginctl enable-linger');
};

const uninstall = (role: Role, options: ServiceOptions): void => {
  const scope = scopeOf(options);
  requireSystemd(scope);
  const file = unitFileOf(role, scope);
  if (!existsSync(file)) throw new DepotError('not-found', `There is no ${file}.`);
  mustWork(systemctl(scope, 'disable', '--now', unitNameOf(role)));
  print(`> remove ${file}`);
  rmSync(file);
  mustWork(systemctl(scope, 'daemon-reload'));
  print(`Its home is still there: ${scope === 'system' ? systemHomeOf(role) : 'see --home'}`);
};

const roleArgument = (): Argument =>
  new Argument('<role>', 'which role of depot').choices(['server', 'local', 'client']);

const part = (name: string, summary: string, description: string): Command =>
  new Command(name)
    .addArgument(roleArgument())
    .summary(summary)
    .description(description)
    .option('--user', 'a service of your own instead of the system')
    .addHelpText('after', name === 'install' ? '' : `\nExample:\n  depot service ${name} server`);

const installCommand = (): Command =>
  part(
    'install',
    'write a hardened unit, start it, and have it start with the machine',
    'Writes a hardened unit, starts it, and has it start with the machine.',
  )
    .argument('[args...]', 'arguments of the role, after --: a join link, settings')
    .option('--home <dir>', 'with --user: where everything of this role is kept (default: ~/.depot)')
    .option('--print', 'print the unit and change nothing')
    .addHelpText(
      'after',
      "\nExamples:\n  sudo depot service install server -- --advertise vps.example\n  sudo depot service install local -- 'depot://…'\n  depot service install local --user --home ~/.depot-nas\n  depot service install server --print",
    )
    .action(install);

const statusCommand = (): Command =>
  part('status', 'show what systemd says of it', 'Shows what systemd says of it.').action(
    (role: Role, options: ServiceOptions) => {
      const scope = scopeOf(options);
      requireSystemd('user');
      process.exitCode = systemctl(scope, 'status', '--no-pager', unitNameOf(role));
    },
  );

const logsCommand = (): Command =>
  part('logs', 'show its log', 'Shows its log.')
    .option('-f, --follow', 'go on showing what comes')
    .action((role: Role, options: ServiceOptions) => {
      requireSystemd('user');
      const which = scopeOf(options) === 'user' ? '--user-unit' : '--unit';
      const follow = options.follow === true ? ['--follow'] : ['--no-pager', '--lines', '200'];
      process.exitCode = run('journalctl', which, unitNameOf(role), '--output', 'cat', ...follow);
    });

export const serviceCommand = (): Command =>
  new Command('service')
    .description('A role that systemd keeps running. Says each thing that it does.')
    .addHelpText(
      'after',
      '\nExamples:\n  sudo depot service install server -- --advertise vps.example\n  depot service logs server --follow\n  sudo depot service uninstall server',
    )
    .addCommand(installCommand())
    .addCommand(
      part(
        'uninstall',
        'stop it and remove its unit; its home stays',
        'Stops it and removes its unit; its home stays.',
      ).action((role: Role, options: ServiceOptions) => uninstall(role, options)),
    )
    .addCommand(statusCommand())
    .addCommand(logsCommand());
