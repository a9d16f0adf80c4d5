// The table of commands. Only the command that is asked for is loaded, for loading all of them takes longer than most
// have to do; help, completions and the man page need no more than this table, or all of it.

import { Command } from 'commander';
import { VERSION } from '../version.ts';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  server: {
    summary: 'run the server, on a host that everybody can reach',
    load: async () => (await import('./server.ts')).serverCommand(),
  },
  local: {
    summary: 'run the local, in the private network',
    load: async () => (await import('./local.ts')).localCommand(),
  },
  client: {
    summary: 'run the client, on a laptop: a loopback port without password',
    load: async () => (await import('./client.ts')).clientCommand(),
  },
  invite: {
    summary: 'make a join link for a new local, or for a client of a user',
    load: async () => (await import('./invite.ts')).inviteCommand(),
  },
  user: {
    summary: 'add, list, change and remove users',
    load: async () => (await import('./user.ts')).userCommand(),
  },
  locals: {
    summary: 'list the locals that have joined, or revoke one',
    load: async () => (await import('./locals.ts')).localsCommand(),
  },
  clients: {
    summary: 'list the clients that have joined, or revoke one',
    load: async () => (await import('./clients.ts')).clientsCommand(),
  },
  web: {
    summary: 'the password of the dashboard, and the token for its metrics',
    load: async () => (await import('./web.ts')).webCommand(),
  },
  check: {
    summary: "why can a target be reached, or why can't it",
    load: async () => (await import('./check.ts')).checkCommand(),
  },
  status: {
    summary: 'show what is connected',
    load: async () => (await import('./status.ts')).statusCommand(),
  },
  top: {
    summary: 'show what is connected as it happens, and end streams',
    load: async () => (await import('./top/top.ts')).topCommand(),
  },
  kick: {
    summary: "end a stream, or a local's session",
    load: async () => (await import('./status.ts')).kickCommand(),
  },
  reload: {
    summary: 'read the configuration again; a bad one changes nothing',
    load: async () => (await import('./reload.ts')).reloadCommand(),
  },
  upgrade: {
    summary: 'replace a running server by what is installed now',
    load: async () => (await import('./upgrade.ts')).upgradeCommand(),
  },
  backup: {
    summary: "copy a server's database, while it runs or not",
    load: async () => (await import('./backup.ts')).backupCommand(),
  },
  doctor: {
    summary: 'look at what can be wrong on this machine, and how to mend it',
    load: async () => (await import('./doctor.ts')).doctorCommand(),
  },
  config: {
    summary: 'check the configuration of a role, or show what is in force',
    load: async () => (await import('./config.ts')).configCommand(),
  },
  service: {
    summary: 'install a role as a service of systemd',
    load: async () => (await import('./service.ts')).serviceCommand(),
  },
  completion: {
    summary: 'let the shell complete commands, options and names',
    load: async () => (await import('./completion/completion.ts')).completionCommand(),
  },
  demo: {
    summary: 'try depot on this machine: server, local and a sample app',
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
};

/** A command in a list of commands: with its arguments, and without a word about options, which all of them have. */
const termOf = (command: Command): string =>
  [
    command.name(),
    ...command.registeredArguments.map((argument) => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
      return argument.required ? `<${name}>` : `[${name}]`;
    }),
  ].join(' ');

const explain = (command: Command): void => {
  command.configureHelp({ ...command.configureHelp(), subcommandTerm: termOf });
  command.commands.forEach(explain);
};

/** The command that these arguments are for: `depot help user` is for `user`. */
const wantedBy = ([first, second]: readonly string[]): string | undefined => (first === 'help' ? second : first);

const build = async (isWanted: (name: string) => boolean): Promise<Command> => {
  const program = new Command('depot')
    .description('Reach everything behind NAT, with the programs that you already have.')
    .version(VERSION)
    .addHelpText('after', '\nExamples:\n  depot demo\n  depot server --help');
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = isWanted(name) ? await load() : new Command(name);
    program.addCommand(command.summary(summary));
  }
  explain(program);
  return program;
};

/** The program for these arguments: whole where they are for a command, of the others name and summary. */
export const createProgram = async (args: readonly string[]): Promise<Command> => {
  const program = await build((name) => name === wantedBy(args));
  // Asked by the scripts of shells, and by nobody else.
  if (args[0] === 'complete')
    program.addCommand((await import('./completion/completion.ts')).completeCommand(), { hidden: true });
  return program;
};

/** Every command with everything that it takes. */
export const createWholeProgram = (): Promise<Command> => build(() => true);
